// The words of the page, in one catalogue a language. Another language is another file of the same type.
import { en } from "./en";

export type Texts = typeof en;
export const t: Texts = en;
