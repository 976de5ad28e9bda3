// What is not an answer, as one kind of error; used by the page and by its worker.

/** An answer that is not a success, or no answer at all (status 0). */
export class ApiError extends Error {
  status: number;
  code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function errorOf(response: Response): Promise<ApiError> {
  const fallback = new ApiError(response.status, 'http', `The proxy answered ${response.status}.`);
  try {
    const body = (await response.json()) as { error?: { code?: string; message?: string } };
    if (!body.error?.message) return fallback;
    return new ApiError(response.status, body.error.code ?? 'http', body.error.message);
  } catch {
    return fallback;
  }
}
