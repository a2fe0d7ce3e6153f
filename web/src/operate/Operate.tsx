/** What operators look at: fallback, circuits, health, shadow, processes, approvals. */
export default function Operate() {
  return <main className="page" />;
}
