import type { ComponentType } from "react";
import { Link } from "wouter";
import { Approvals } from "./Approvals";
import { Circuits } from "./Circuits";
import { Fallback } from "./Fallback";
import { Health } from "./Health";
import { PAGES } from "./pages";
import { Sessions } from "./Sessions";
import { Settings } from "./Settings";
import { Shadow } from "./Shadow";
import { Usage } from "./Usage";
import "./operate.css";

const VIEWS: Record<string, ComponentType> = {
  fallback: Fallback,
  circuits: Circuits,
  sessions: Sessions,
  health: Health,
  shadow: Shadow,
  approvals: Approvals,
  usage: Usage,
  settings: Settings,
};

/** What operators look at, one page a tab. */
export default function Operate({ page }: { page: string }) {
  const View = VIEWS[page];
  return (
    <>
      <nav className="op-tabs" aria-label="Operate">
        {Object.entries(PAGES).map(([name, title]) => (
          <Link key={name} href={`/operate/${name}`} aria-current={name === page ? "page" : undefined}>
            {title}
          </Link>
        ))}
      </nav>
      <div className="wide op">
        {View === undefined ? (
          <>
            <h1>There is no such page</h1>
            <p className="lead">The tabs above have all there are.</p>
          </>
        ) : (
          <View key={page} />
        )}
      </div>
    </>
  );
}
