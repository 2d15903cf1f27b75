// Names with seconds, as bars to one scale.
import { duration } from "../format";
import { t } from "../texts";
import { Empty } from "./basics";

interface SharesProps {
  label: string;
  sums: [name: string, seconds: number][];
  to?: (name: string) => string;
}

export function Shares({ label, sums, to }: SharesProps) {
  if (!sums.length) return <Empty>{t.none}</Empty>;
  const largest = Math.max(...sums.map(([, seconds]) => seconds), 1e-9);
  return (
    <dl class="body shr" aria-label={label}>
      {sums.map(([name, seconds]) => (
        <>
          <dt class="m cut" title={name}>
            {to ? <a href={to(name)}>{name}</a> : name}
          </dt>
          <dd>
            <meter class="calm" min={0} max={largest} value={seconds} aria-label={name} />
          </dd>
          <dd class="n">{duration(seconds)}</dd>
        </>
      ))}
    </dl>
  );
}
