export function bytes(count: number): string;
