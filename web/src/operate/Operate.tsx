/** What operators look at: fallback, circuits, health, shadow, processes, approvals. */
export default function Operate({ page }: { page: string }) {
  return <div className="wide">{page}</div>;
}
