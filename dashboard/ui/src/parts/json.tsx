// Values of users, as text only: nothing of them becomes markup.
import { t } from "../texts";

const FOLD = 12; // more items than this are folded
const HIDDEN = "***";

export function Json({ value }: { value: unknown }) {
  return (
    <div class="json m">
      <Value value={value} depth={0} />
    </div>
  );
}

function Value({ value, depth }: { value: unknown; depth: number }) {
  if (Array.isArray(value)) return <Items open="[" close="]" items={value.map((each) => [null, each])} depth={depth} />;
  if (value !== null && typeof value === "object") {
    return <Items open="{" close="}" items={Object.entries(value)} depth={depth} />;
  }
  if (value === HIDDEN) return <span class="red">{t.hidden}</span>;
  if (typeof value === "string") return <span class="s">{JSON.stringify(value)}</span>;
  return <span class="num">{String(value)}</span>;
}

function Items(props: { open: string; close: string; items: [string | null, unknown][]; depth: number }) {
  const { items, depth } = props;
  if (!items.length) return <span>{props.open + props.close}</span>;
  const list = (
    <ul>
      {items.map(([name, item], index) => (
        <li key={name ?? index}>
          {name !== null && <span class="k">{JSON.stringify(name)}: </span>}
          <Value value={item} depth={depth + 1} />
          {index < items.length - 1 && ","}
        </li>
      ))}
    </ul>
  );
  if (depth > 0 && items.length > FOLD) {
    return (
      <details>
        <summary>
          {props.open} {t.items(items.length)} {props.close}
        </summary>
        {list}
      </details>
    );
  }
  return (
    <>
      {props.open}
      {list}
      {props.close}
    </>
  );
}
