// Values without a neighbour: a line alone would not show them. Pure.

/** Places of the known values with nothing known just before and just after them. */
export function loneValues(values: (number | null)[]): number[] {
  const known = (index: number) => (values[index] ?? null) !== null;
  return values.flatMap((_, index) => (known(index) && !known(index - 1) && !known(index + 1) ? [index] : []));
}
