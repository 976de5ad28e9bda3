// What a tool call is about, in one line, and what of its input and output deserves a form of its own.
import { isObject, type Json, listOf, objectOf, textOf } from '../base/json.ts';

// The first of these that a call's input holds is its subject.
const subjects = ['command', 'file_path', 'notebook_path', 'pattern', 'path', 'query', 'url', 'skill', 'description', 'prompt', 'task_id', 'bash_id', 'shell_id', 'plan', 'name'];
const code_tools = new Set(['Bash', 'BashOutput', 'KillShell', 'Read', 'Edit', 'MultiEdit', 'Write', 'NotebookEdit', 'NotebookRead', 'Grep', 'Glob', 'LS']);

export const inputOf = objectOf;
export const isAgentTool = (name: string) => name === 'Agent' || name === 'Task';

export function callSubject(name: string, input: unknown): string {
  const fields = inputOf(input);
  if (isAgentTool(name) && typeof fields.subagent_type === 'string')
    return [fields.subagent_type, fields.description].filter((part) => typeof part === 'string').join(': ');
  if (Array.isArray(fields.todos)) return todoProgress(todosOf(input) ?? []);
  const questions = listOf(fields.questions);
  if (questions.length) return textOf(objectOf(questions[0]).question);
  for (const subject of subjects) {
    const value = fields[subject];
    if (typeof value === 'string' && value) return value;
  }
  const text = typeof input === 'string' ? input : (JSON.stringify(fields) ?? '');
  return text === '{}' ? '' : text.slice(0, 200);
}

export const subjectIsCode = (name: string) => code_tools.has(name);

/** mcp__server__tool → the server and the tool; any other name → no server. */
export function toolName(name: string): { server: string | null; tool: string } {
  const match = /^mcp__(.+?)__(.+)$/.exec(name);
  return match ? { server: match[1]!, tool: match[2]! } : { server: null, tool: name };
}

export type Edit = { before: string; after: string; note: string };

/** The replacements of Edit, MultiEdit, Write and NotebookEdit; null for any other call. */
export function editsOf(name: string, input: unknown): Edit[] | null {
  const fields = inputOf(input);
  const note = (edit: Json) => (edit.replace_all === true ? 'every occurrence' : '');
  const one = (edit: Json): Edit => ({ before: textOf(edit.old_string), after: textOf(edit.new_string), note: note(edit) });
  if (name === 'Edit' && typeof fields.old_string === 'string') return [one(fields)];
  if (name === 'MultiEdit' && Array.isArray(fields.edits)) return fields.edits.map((edit) => one(inputOf(edit)));
  if (name === 'Write' && typeof fields.content === 'string') return [{ before: '', after: fields.content, note: 'the whole file' }];
  if (name === 'NotebookEdit' && typeof fields.new_source === 'string')
    return [{ before: '', after: fields.new_source, note: `${textOf(fields.edit_mode) || 'replace'} cell ${textOf(fields.cell_id)}` }];
  return null;
}

export type Todo = { text: string; status: string };

export function todosOf(input: unknown): Todo[] | null {
  const todos = inputOf(input).todos;
  if (!Array.isArray(todos)) return null;
  return todos.map((todo) => {
    const { content, subject, activeForm, status } = objectOf(todo);
    return { text: textOf(content) || textOf(subject) || textOf(activeForm), status: textOf(status) || 'pending' };
  });
}

export function todoProgress(todos: Todo[]): string {
  return `${todos.filter((todo) => todo.status === 'completed').length} of ${todos.length} done`;
}

/** The language of a file by its name's ending; '' where there is none. */
export function languageOfPath(path: string): string {
  const name = path.split(/[\\/]/).at(-1) ?? '';
  if (/^(Makefile|GNUmakefile)$/.test(name)) return 'makefile';
  if (/^Dockerfile/.test(name)) return 'dockerfile';
  return name.includes('.') ? name.split('.').at(-1)! : '';
}

/** The language of what a tool gave back, where its beginning tells. */
export const languageOfOutput = (text: string) => (/^(?:diff --git |--- .*\n\+\+\+ |@@ -\d)/m.test(text.slice(0, 2000)) ? 'diff' : '');

export type Numbered = { first: number; lines: string[] };

/** A file as the Read tool shows it: each line behind its number and an arrow (or a tab). */
export function readNumbered(text: string): Numbered | null {
  const lines = text.replace(/\n$/, '').split('\n');
  const out: string[] = [];
  let first = 0;
  for (const [index, line] of lines.entries()) {
    const match = /^\s*(\d+)(?:→|\t)(.*)$/s.exec(line);
    if (!match) return null;
    if (index === 0) first = Number(match[1]);
    out.push(match[2]!);
  }
  return { first, lines: out };
}

export type Hit = { path: string; line: string; text: string };

/** What Grep found, a line each; a line that is not of the form path:line:text is a path. */
export function grepHits(text: string): Hit[] {
  return text.split('\n').filter(Boolean).map((line) => {
    const match = /^(.*?)[:-](\d+)[:-](.*)$/s.exec(line);
    return match ? { path: match[1]!, line: match[2]!, text: match[3]! } : { path: line, line: '', text: '' };
  });
}

/** A terminal's colours and cursor movements are left out: what is said stays. */
// eslint-disable-next-line no-control-regex
export const withoutAnsi = (text: string) => text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007]*(?:\u0007|\u001b\\)/g, '');

/** A text that is one JSON object or list; undefined for any other. */
export function jsonText(text: string): unknown {
  const start = text.trimStart()[0];
  if ((start !== '{' && start !== '[') || text.length > 2_000_000) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) || Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
