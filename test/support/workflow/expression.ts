/** What `${{ }}` may name in a run of a workflow: contexts by name, each a tree of texts. */
export interface Contexts {
  readonly [name: string]: string | Contexts | undefined;
}

/**
 * A text with its `${{ }}` replaced, as GitHub does for the forms that our workflows have: contexts, texts in single
 * quotes, ==, !=, && and || (docs.github.com, "Expressions"). Throws for anything else: what this can't evaluate is
 * not run with a guess. A property that a context does not have is the empty text, as there.
 */
export function interpolate(text: string, contexts: Contexts): string {
  return text.replaceAll(/\$\{\{([^}]*)\}\}/g, (_, expression: string) => evaluate(expression, contexts));
}

/** The value of an expression, as the text that it becomes; conditions give "true" or "false". */
export function evaluate(expression: string, contexts: Contexts): string {
  const tokens = [...expression.matchAll(/\s*(?:('(?:[^']|'')*')|([A-Za-z_][\w.-]*)|(==|!=|&&|\|\|)|(\S))/g)].map(
    ([, text, name, operator, other]) => ({ text, name, operator, other }),
  );
  let position = 0;
  const operatorIs = (operator: string): boolean => {
    if (tokens[position]?.operator !== operator) return false;
    position += 1;
    return true;
  };
  const operand = (): string => {
    const token = tokens[position];
    position += 1;
    if (token?.text !== undefined) return token.text.slice(1, -1).replaceAll("''", "'");
    if (token?.name !== undefined) return lookUp(token.name, contexts);
    throw new Error(`an expression that this can't evaluate: ${expression}`);
  };
  const comparison = (): string => {
    const left = operand();
    if (operatorIs("==")) return String(left === operand());
    if (operatorIs("!=")) return String(left !== operand());
    return left;
  };
  const isTrue = (value: string): boolean => value !== "" && value !== "false";
  const conjunction = (): string => {
    let value = comparison();
    while (operatorIs("&&")) {
      const next = comparison();
      value = isTrue(value) ? next : value;
    }
    return value;
  };
  let value = conjunction();
  while (operatorIs("||")) {
    const next = conjunction();
    value = isTrue(value) ? value : next;
  }
  if (position < tokens.length) throw new Error(`an expression that this can't evaluate: ${expression}`);
  return value;
}

function lookUp(path: string, contexts: Contexts): string {
  let found: string | Contexts | undefined = contexts;
  const [first = ""] = path.split(".");
  if (!Object.hasOwn(contexts, first))
    throw new Error(`an expression names a context that a run does not have: ${path}`);
  for (const part of path.split(".")) found = typeof found === "object" ? found[part] : undefined;
  return typeof found === "string" ? found : "";
}
