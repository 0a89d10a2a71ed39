import type { PageModel } from "./model";

export function facts(model: PageModel): HTMLElement[];
