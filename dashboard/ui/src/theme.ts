import { kept } from "./store";

/** system, light or dark */
export const theme = kept("theme", "system");

function apply(): void {
  const wanted = theme.get();
  if (wanted === "light" || wanted === "dark") document.documentElement.dataset.theme = wanted;
  else delete document.documentElement.dataset.theme;
}

export function followTheme(): void {
  apply();
  theme.watch(apply);
}

export function switchTheme(): void {
  const dark = theme.get() === "dark" || (theme.get() === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  theme.set(dark ? "light" : "dark");
}
