// What English does to words.
export const plural = (many: number, one: string, more: string) => (many === 1 ? one : more);
