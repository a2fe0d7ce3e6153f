/** The token in the address's fragment, as the service's link has it; it is taken out at once. */
export function takeToken(): string | null {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return token;
}
