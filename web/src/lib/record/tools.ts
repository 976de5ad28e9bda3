// What a tool call is about, in one line, and what of its input deserves to be shown as text.
type Input = Record<string, unknown>;

// The first of these that a call's input holds is its subject.
const subjects = ['command', 'file_path', 'notebook_path', 'pattern', 'path', 'query', 'url', 'skill', 'description', 'prompt', 'task_id', 'name'];
const code_tools = new Set(['Bash', 'BashOutput', 'Read', 'Edit', 'MultiEdit', 'Write', 'NotebookEdit', 'Grep', 'Glob', 'LS']);

export const inputOf = (input: unknown): Input =>
  typeof input === 'object' && input !== null && !Array.isArray(input) ? (input as Input) : {};

export function callSubject(name: string, input: unknown): string {
  const fields = inputOf(input);
  if ((name === 'Agent' || name === 'Task') && typeof fields.subagent_type === 'string')
    return [fields.subagent_type, fields.description].filter((part) => typeof part === 'string').join(': ');
  if (name === 'TodoWrite' && Array.isArray(fields.todos)) return `${fields.todos.length} items`;
  for (const subject of subjects) {
    const value = fields[subject];
    if (typeof value === 'string' && value) return value;
  }
  const text = JSON.stringify(fields);
  return text === '{}' ? '' : text.slice(0, 200);
}

export const subjectIsCode = (name: string) => code_tools.has(name);

/** mcp__server__tool → the server and the tool; any other name → no server. */
export function toolName(name: string): { server: string | null; tool: string } {
  const match = /^mcp__(.+?)__(.+)$/.exec(name);
  return match ? { server: match[1]!, tool: match[2]! } : { server: null, tool: name };
}

export type Edit = { before: string; after: string };

/** The replacements of Edit, MultiEdit and Write; null for any other call. */
export function editsOf(name: string, input: unknown): Edit[] | null {
  const fields = inputOf(input);
  const one = (edit: Input): Edit => ({ before: String(edit.old_string ?? ''), after: String(edit.new_string ?? '') });
  if (name === 'Edit' && typeof fields.old_string === 'string') return [one(fields)];
  if (name === 'MultiEdit' && Array.isArray(fields.edits)) return fields.edits.map((edit) => one(inputOf(edit)));
  if (name === 'Write' && typeof fields.content === 'string') return [{ before: '', after: fields.content }];
  return null;
}

export type Todo = { text: string; status: string };

export function todosOf(name: string, input: unknown): Todo[] | null {
  const todos = inputOf(input).todos;
  if (name !== 'TodoWrite' || !Array.isArray(todos)) return null;
  return todos.map((todo) => ({ text: String(inputOf(todo).content ?? ''), status: String(inputOf(todo).status ?? 'pending') }));
}
