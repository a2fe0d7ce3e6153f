import { useState } from "react";

export interface QuestionFormProps {
  input: Record<string, unknown>;
  isBusy: boolean;
  onAnswer: (answers: Record<string, string | string[]>) => void;
  onDeny: () => void;
}

interface Question {
  question: string;
  header: string | null;
  isMultiple: boolean;
  options: { label: string; description: string | null }[];
}

/** The questions of a CLI, each with the answers it offers. */
export function QuestionForm({ input, isBusy, onAnswer, onDeny }: QuestionFormProps) {
  const questions = questionsOf(input);
  const [chosen, setChosen] = useState<Record<string, string[]>>({});
  const isComplete = questions.every((one) => (chosen[one.question] ?? []).length > 0);
  const choose = (question: Question, label: string, isOn: boolean) => {
    setChosen((all) => {
      const before = all[question.question] ?? [];
      if (!question.isMultiple) return { ...all, [question.question]: [label] };
      const next = isOn ? [...before, label] : before.filter((one) => one !== label);
      return { ...all, [question.question]: next };
    });
  };
  const answer = () => {
    const answers = questions.map((one) => {
      const labels = chosen[one.question] ?? [];
      return [one.question, one.isMultiple ? labels : (labels[0] ?? "")] as const;
    });
    onAnswer(Object.fromEntries(answers));
  };
  return (
    <form
      className="ask-form"
      onSubmit={(event) => {
        event.preventDefault();
        answer();
      }}
    >
      {questions.map((one, number) => (
        <fieldset key={one.question}>
          <legend dir="auto">
            {one.header !== null && <em>{one.header}</em>} {one.question}
          </legend>
          {one.options.map((option) => (
            <label key={option.label} className="choice">
              <input
                type={one.isMultiple ? "checkbox" : "radio"}
                name={`question-${number}`}
                checked={(chosen[one.question] ?? []).includes(option.label)}
                onChange={(event) => choose(one, option.label, event.target.checked)}
              />
              <span dir="auto">
                <b>{option.label}</b>
                {option.description !== null && <small>{option.description}</small>}
              </span>
            </label>
          ))}
        </fieldset>
      ))}
      <div className="btns">
        <button type="submit" className="go" disabled={isBusy || !isComplete}>
          Answer
        </button>
        <button type="button" className="no" disabled={isBusy} onClick={onDeny}>
          Say something else…
        </button>
      </div>
    </form>
  );
}

function questionsOf(input: Record<string, unknown>): Question[] {
  const list = Array.isArray(input.questions) ? input.questions : [input];
  return list.flatMap((item: unknown) => {
    if (typeof item !== "object" || item === null) return [];
    const one = item as Record<string, unknown>;
    const text = one.question ?? one.text ?? one.title;
    if (typeof text !== "string") return [];
    const options = Array.isArray(one.options) ? one.options : [];
    return [
      {
        question: text,
        header: typeof one.header === "string" ? one.header : null,
        isMultiple: one.multiSelect === true,
        options: options.flatMap((option: unknown) => optionOf(option)),
      },
    ];
  });
}

function optionOf(option: unknown): { label: string; description: string | null }[] {
  if (typeof option === "string") return [{ label: option, description: null }];
  if (typeof option !== "object" || option === null) return [];
  const { label, name, description } = option as Record<string, unknown>;
  const word = label ?? name;
  if (typeof word !== "string") return [];
  return [{ label: word, description: typeof description === "string" ? description : null }];
}
