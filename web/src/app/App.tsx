import { must, type ServiceError } from "@agent-runner/engine";
import { lazy, Suspense, useEffect } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { Find } from "../find/Find";
import { Inbox } from "../inbox/Inbox";
import { pageTitle } from "../operate/pages";
import { useEngine } from "../react/AgentRunnerProvider";
import { useObservable } from "../react/useObservable";
import { Sidebar } from "../sidebar/Sidebar";
import { Boundary } from "../ui/Boundary";
import { keep, stored } from "../ui/stored";
import { NARROW, useMedia } from "../ui/useMedia";
import { ChatPage } from "./ChatPage";
import { Login } from "./Login";
import { Notifier } from "./Notifications";
import { useDocumentTitle } from "./useDocumentTitle";

const Operate = lazy(() => import("../operate/Operate"));

/** The page: what is shown for which address. */
export function App({ failure }: { failure: ServiceError | null }) {
  const engine = useEngine();
  const login = useObservable(engine.login);
  const isNarrow = useMedia(NARROW);
  const [location] = useLocation();
  const [, agent, conversation] = /^\/chat\/([^/]+)(?:\/([^/]+))?/.exec(location) ?? [];
  useEffect(() => {
    if (conversation !== undefined) keep("last", location);
  }, [location, conversation]);
  if (login === "out") return <Login failure={failure} />;
  const isList = location === "/" || location === "";
  const agentId = agent === undefined ? null : decodeURIComponent(agent);
  return (
    <div className="app">
      <Notifier />
      <a className="skip" href="#content">
        To the content
      </a>
      {(!isNarrow || isList) && <Sidebar agentId={agentId} conversationId={conversation ?? null} />}
      {(!isNarrow || !isList) && (
        <div id="content" className="content" tabIndex={-1}>
          <Boundary resetKey={location} fallback={(error) => <Broken error={error} />}>
            <Suspense fallback={<p className="hint wide">Loading…</p>}>
              <Switch>
                <Route path="/">
                  <Home />
                </Route>
                <Route path="/chat/:agentId/:conversationId?">
                  {(params) => (
                    <ChatPage
                      agentId={decodeURIComponent(params.agentId)}
                      conversationId={params.conversationId ?? null}
                    />
                  )}
                </Route>
                <Route path="/inbox">
                  <Page title="Waiting for you">
                    <Inbox />
                  </Page>
                </Route>
                <Route path="/find">
                  <Page title="Search">
                    <Find />
                  </Page>
                </Route>
                <Route path="/operate/:page?">
                  {(params) => (
                    <Page title={pageTitle(params.page ?? "fallback")}>
                      <Operate page={params.page ?? "fallback"} />
                    </Page>
                  )}
                </Route>
                <Route>
                  <Page title="Not found">
                    <div className="wide">
                      <h1>There is no such page</h1>
                      <p>The list on the left has all there is.</p>
                    </div>
                  </Page>
                </Route>
              </Switch>
            </Suspense>
          </Boundary>
        </div>
      )}
    </div>
  );
}

function Page({ title, children }: { title: string; children: React.ReactNode }) {
  useDocumentTitle(`${title} · agent-runner`);
  return (
    <main className="page">
      <Link href="/" className="back-link">
        ‹ All conversations
      </Link>
      {children}
    </main>
  );
}

/** A view that could not be drawn, or whose part could not be loaded. */
function Broken({ error }: { error: Error }) {
  return (
    <main className="page">
      <div className="wide">
        <h1>This view could not be drawn</h1>
        <p>Nothing is lost: all of it is in the service. Loading the page again may help.</p>
        <p className="hint">{error.message}</p>
        <button type="button" onClick={() => window.location.reload()}>
          Load the page again
        </button>
      </div>
    </main>
  );
}

/** The last conversation, else the first agent, else what to do first. */
function Home() {
  const engine = useEngine();
  const agents = useObservable(engine.agents);
  useDocumentTitle("agent-runner");
  useEffect(() => {
    // Tells whether this browser is logged in, before the stream does.
    must(engine.api.GET("/session")).catch(() => undefined);
  }, [engine]);
  const last = stored("last");
  const lastAgent = /^\/chat\/([^/]+)/.exec(last)?.[1];
  if (agents !== null && lastAgent !== undefined && agents.has(decodeURIComponent(lastAgent)))
    return <Redirect to={last} replace />;
  const first = [...(agents?.keys() ?? [])][0];
  if (first !== undefined) return <Redirect to={`/chat/${encodeURIComponent(first)}`} replace />;
  return (
    <main className="page">
      <div className="wide teach">
        <h1>{agents === null ? "Connecting…" : "No agent yet"}</h1>
        {agents !== null && <p>Make one on the left: it is one of your CLIs, a folder and a name.</p>}
      </div>
    </main>
  );
}
