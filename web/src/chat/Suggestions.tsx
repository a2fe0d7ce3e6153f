const MOST = 8;

/** Slash commands that go on from what is typed; none once there is more than the command. */
export function suggestionsFor(draft: string, commands: readonly string[]): string[] {
  if (!draft.startsWith("/") || /\s/.test(draft)) return [];
  const typed = draft.slice(1).toLowerCase();
  return commands.filter((one) => one.toLowerCase().startsWith(typed)).slice(0, MOST);
}

export interface SuggestionsProps {
  id: string;
  commands: readonly string[];
  picked: number;
  onPick: (command: string) => void;
}

export function Suggestions({ id, commands, picked, onPick }: SuggestionsProps) {
  return (
    <ul id={id} className="suggest" role="listbox" aria-label="Commands of the CLI">
      {commands.map((command, at) => (
        <li
          key={command}
          id={`${id}-${at}`}
          role="option"
          aria-selected={at === picked}
          onPointerDown={(event) => {
            event.preventDefault();
            onPick(command);
          }}
        >
          /{command}
        </li>
      ))}
    </ul>
  );
}
