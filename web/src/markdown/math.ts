import type { Extension as FromMarkdownExtension } from "mdast-util-from-markdown";
import type { Code, Construct, Effects, Extension, State, TokenizeContext } from "micromark-util-types";

/**
 * Maths is text, exactly as written: `$..$`, `$$..$$`, `\(..\)` and `\[..\]` are protected from
 * emphasis, escapes and lists. Nothing typesets it. Each opener is given up at the next one, so
 * that a text full of openers costs linear time.
 */

declare module "micromark-util-types" {
  interface TokenTypeMap {
    literalMath: "literalMath";
    literalMathData: "literalMathData";
    literalMathFlow: "literalMathFlow";
  }
}

const DOLLAR = 36,
  BACKSLASH = 92,
  BACKTICK = 96,
  TILDE = 126,
  LESS = 60,
  OPEN_PAREN = 40,
  CLOSE_PAREN = 41,
  OPEN = 91,
  CLOSE = 93;
const FLOW_LINES = 200;

const isEol = (code: Code): boolean => code !== null && code < -2;
const isSpace = (code: Code): boolean => code !== null && (code < 0 || code === 32);
const isDigit = (code: Code): boolean => code !== null && code >= 48 && code <= 57;
const isLetter = (code: Code): boolean =>
  code !== null && ((code >= 65 && code <= 90) || (code >= 97 && code <= 122));

const text: Construct = { name: "literalMath", tokenize: tokenizeText };

function tokenizeText(this: TokenizeContext, effects: Effects, ok: State, nok: State): State {
  let previous: Code = null;
  let closer: Code = null;
  let inData = false;

  return (code) => {
    effects.enter("literalMath");
    data(code);
    return code === DOLLAR ? afterDollar : afterBackslash;
  };

  function data(code: Code): void {
    if (!inData) effects.enter("literalMathData");
    inData = true;
    effects.consume(code);
    previous = code;
  }
  function endData(): void {
    if (inData) effects.exit("literalMathData");
    inData = false;
  }
  function afterDollar(code: Code): State | undefined {
    if (code === DOLLAR) {
      data(code);
      return afterDouble;
    }
    return code === null || isSpace(code) ? nok(code) : single(code);
  }
  function afterDouble(code: Code): State | undefined {
    return code === DOLLAR ? nok(code) : long(code);
  }
  function afterBackslash(code: Code): State | undefined {
    if (code !== OPEN && code !== OPEN_PAREN) return nok(code);
    closer = code === OPEN ? CLOSE : CLOSE_PAREN;
    data(code);
    return long;
  }
  function single(code: Code): State | undefined {
    if (code === null || isEol(code) || code === BACKTICK) return nok(code);
    if (code === OPEN_PAREN && previous === CLOSE) return nok(code);
    if (code === DOLLAR) {
      if (isSpace(previous)) return nok(code);
      data(code);
      return afterSingle;
    }
    data(code);
    return code === BACKSLASH ? singleEscape : single;
  }
  function singleEscape(code: Code): State | undefined {
    if (code === null || isEol(code)) return nok(code);
    data(code);
    return single;
  }
  function afterSingle(code: Code): State | undefined {
    return isDigit(code) ? nok(code) : end(code);
  }
  function long(code: Code): State | undefined {
    if (code === null) return nok(code);
    if (isEol(code)) {
      endData();
      effects.enter("lineEnding");
      effects.consume(code);
      effects.exit("lineEnding");
      return long;
    }
    if (code === BACKTICK) return nok(code);
    if (code === DOLLAR && closer === null) {
      data(code);
      return longDollar;
    }
    data(code);
    return code === BACKSLASH ? longEscape : long;
  }
  function longDollar(code: Code): State | undefined {
    if (code !== DOLLAR) return nok(code);
    data(code);
    return end;
  }
  function longEscape(code: Code): State | undefined {
    if (code === null || isEol(code)) return long(code);
    if (code === closer) {
      data(code);
      return end;
    }
    if (code === OPEN || code === OPEN_PAREN) return nok(code);
    data(code);
    return long;
  }
  function end(code: Code): State | undefined {
    endData();
    effects.exit("literalMath");
    return ok(code);
  }
}

const lineEnd: Construct = {
  partial: true,
  tokenize(effects, ok, nok) {
    const start: State = (code) => {
      if (code === null) return nok(code);
      effects.enter("lineEnding");
      effects.consume(code);
      effects.exit("lineEnding");
      return after;
    };
    const after: State = (code) => (this.parser.lazy[this.now().line] ? nok(code) : ok(code));
    return start;
  },
};

const flow: Construct = { name: "literalMathFlow", concrete: true, tokenize: tokenizeFlow };

/** A display of several lines: the opener begins a line, the closer ends one. No blank line, fence or tag is in it. */
function tokenizeFlow(this: TokenizeContext, effects: Effects, ok: State, nok: State): State {
  const self = this;
  let closer: Code = DOLLAR;
  let lines = 0;
  let inData = false;

  return (code) => {
    effects.enter("literalMathFlow");
    data(code);
    return code === DOLLAR ? secondDollar : bracket;
  };

  function data(code: Code): void {
    if (!inData) effects.enter("literalMathData");
    inData = true;
    effects.consume(code);
  }
  function endData(): void {
    if (inData) effects.exit("literalMathData");
    inData = false;
  }
  function secondDollar(code: Code): State | undefined {
    if (code !== DOLLAR) return nok(code);
    data(code);
    return opened;
  }
  function bracket(code: Code): State | undefined {
    if (code !== OPEN) return nok(code);
    closer = CLOSE;
    data(code);
    return opened;
  }
  function opened(code: Code): State | undefined {
    if (self.interrupt) return isEol(code) ? ok(code) : nok(code);
    return inside(code);
  }
  function inside(code: Code): State | undefined {
    if (code === null || code === BACKTICK) return nok(code);
    if (isEol(code)) {
      endData();
      lines += 1;
      return lines > FLOW_LINES ? nok(code) : effects.attempt(lineEnd, lineStart, nok)(code);
    }
    data(code);
    if (code === BACKSLASH) return escaped;
    return code === DOLLAR && closer === DOLLAR ? closing : inside;
  }
  function lineStart(code: Code): State | undefined {
    return linePrefix(code);
  }
  function linePrefix(code: Code): State | undefined {
    if (code === null || isEol(code) || code === BACKTICK || code === TILDE) return nok(code);
    if (isSpace(code)) {
      data(code);
      return linePrefix;
    }
    if (code === LESS) {
      data(code);
      return afterLess;
    }
    return inside(code);
  }
  function afterLess(code: Code): State | undefined {
    if (isLetter(code) || code === 33 || code === 47 || code === 63) return nok(code);
    return inside(code);
  }
  function escaped(code: Code): State | undefined {
    if (code === null || isEol(code)) return inside(code);
    if (code === OPEN) return nok(code);
    data(code);
    return code === CLOSE && closer === CLOSE ? trailing : inside;
  }
  function closing(code: Code): State | undefined {
    if (code !== DOLLAR) return nok(code);
    data(code);
    return trailing;
  }
  function trailing(code: Code): State | undefined {
    if (code === null || isEol(code)) {
      endData();
      effects.exit("literalMathFlow");
      return ok(code);
    }
    if (!isSpace(code)) return nok(code);
    data(code);
    return trailing;
  }
}

export const mathSyntax: Extension = {
  text: { [DOLLAR]: text, [BACKSLASH]: text },
  flow: { [DOLLAR]: flow, [BACKSLASH]: flow },
};

export const mathFromMarkdown: FromMarkdownExtension = {
  enter: {
    literalMath(token) {
      this.enter({ type: "text", value: "" }, token);
      this.buffer();
    },
    literalMathFlow(token) {
      this.enter(
        { type: "paragraph", children: [], data: { hProperties: { className: ["md-math"] } } },
        token,
      );
      this.enter({ type: "text", value: "" }, token);
      this.buffer();
    },
  },
  exit: {
    literalMathData(token) {
      const { enter, exit } = this.config;
      enter["data"]?.call(this, token);
      exit["data"]?.call(this, token);
    },
    literalMath(token) {
      const value = this.resume();
      const node = this.stack.at(-1);
      if (node?.type === "text") node.value = value;
      this.exit(token);
    },
    literalMathFlow(token) {
      const value = this.resume();
      const node = this.stack.at(-1);
      if (node?.type === "text") node.value = value;
      this.exit(token);
      this.exit(token);
    },
  },
};
