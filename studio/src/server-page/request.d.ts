import type { InferRequest, PageModel } from "./model";

export function datatypeOf(dtype: string): string;
export function invented(model: PageModel): InferRequest;
export function written(request: InferRequest): string;
