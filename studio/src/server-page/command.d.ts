import type { PageModel } from "./model";

export function command(model: PageModel, request: string, options: { address: string; header: string }): string;
