// Sizes for people: decimal units, three significant digits.
const units = ['B', 'KB', 'MB', 'GB', 'TB'];

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return '–';
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

const written = /^(\d{1,15})(B|[KMGT]i?B)$/;

/** A size as the configuration writes it ("20GiB"), like the other sizes; any other text as it is. */
export function formatWrittenSize(text: string): string {
  const [, count, unit = ''] = written.exec(text) ?? [];
  if (count === undefined) return text;
  const step = unit.includes('i') ? 1024 : 1000;
  return formatBytes(Number(count) * step ** 'BKMGT'.indexOf(unit[0]!));
}
