// Parts that are loaded when they are shown: the first page doesn't wait for them.
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../texts";
import { Loading } from "./basics";

export function later<Props extends object>(load: () => Promise<FunctionComponent<Props>>): FunctionComponent<Props> {
  let found: FunctionComponent<Props> | undefined;
  return (props) => {
    const [Part, show] = useState(() => found);
    const [failed, fail] = useState(false);
    useEffect(() => {
      if (Part || failed) return;
      load().then((part) => show(() => (found = part)), () => fail(true));
    }, [failed]);
    if (Part) return <Part {...props} />;
    if (!failed) return <Loading />;
    return (
      <p class="broken s12" role="alert">
        <span>{t.live.noPart}</span>
        <button class="btn" type="button" onClick={() => location.reload()}>
          {t.live.again}
        </button>
      </p>
    );
  };
}
