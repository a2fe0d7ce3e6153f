/** The pages after /operate/, in the order of their tabs. */
export const PAGES: Readonly<Record<string, string>> = {
  fallback: "Fallback",
  circuits: "Circuits",
  sessions: "Processes",
  health: "Health",
  shadow: "Shadow",
  approvals: "Approvals",
  usage: "Usage",
  settings: "Settings",
};

export function pageTitle(page: string): string {
  return PAGES[page] ?? "Not found";
}
