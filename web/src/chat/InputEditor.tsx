import { useEffect, useRef, useState } from "react";

export interface InputEditorProps {
  input: Record<string, unknown>;
  isBusy: boolean;
  onSave: (input: Record<string, unknown>) => void;
  onCancel: () => void;
}

/** Change what a tool is to run with: each text by itself, anything else as JSON. */
export default function InputEditor({ input, isBusy, onSave, onCancel }: InputEditorProps) {
  const [fields, setFields] = useState(() =>
    Object.entries(input).map(([name, value]) => ({
      name,
      isText: typeof value === "string",
      text: typeof value === "string" ? value : JSON.stringify(value, null, 2),
    })),
  );
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector("textarea")?.focus(), []);
  const wrong = fields.filter((field) => !field.isText && valueOf(field.text) === undefined);
  const save = () => {
    const pairs = fields.map((field) => [field.name, field.isText ? field.text : valueOf(field.text)]);
    onSave(Object.fromEntries(pairs) as Record<string, unknown>);
  };
  return (
    <form
      ref={form}
      className="ask-form"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onCancel();
      }}
    >
      {fields.map((field, at) => (
        <label key={field.name}>
          {field.name}
          {!field.isText && " (JSON)"}
          <textarea
            className="mono"
            rows={Math.min(12, field.text.split("\n").length + 1)}
            spellCheck={false}
            value={field.text}
            aria-invalid={wrong.includes(field)}
            onChange={(event) => {
              const text = event.target.value;
              setFields((all) => all.map((one, index) => (index === at ? { ...one, text } : one)));
            }}
          />
        </label>
      ))}
      {wrong.length > 0 && <p className="hint">{wrong[0]?.name} is not valid JSON.</p>}
      <div className="btns">
        <button type="submit" className="go" disabled={isBusy || wrong.length > 0}>
          Allow with this input
        </button>
        <button type="button" onClick={onCancel}>
          Back
        </button>
      </div>
    </form>
  );
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
