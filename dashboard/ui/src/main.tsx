import { render } from "preact";
import { App } from "./app";
import { listen } from "./router";
import { followTheme } from "./theme";

followTheme();
listen();
const root = document.getElementById("root");
if (root) {
  root.textContent = "";
  render(<App />, root);
}
