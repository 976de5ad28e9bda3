// A page of a conversation, read in the worker: each message as it is shown, and which request brought it.
import type { ConversationPage } from '../api/types.ts';
import { type Message, readMessage } from '../conversation/conversation.ts';
import { fetchBytes } from './bodies.ts';

export type ChatMessage = Message & { request: string; is_answer: boolean };
export type ChatPage = Omit<ConversationPage, 'messages'> & { messages: ChatMessage[] };

export async function readChat(url: string): Promise<ChatPage> {
  const page = JSON.parse(new TextDecoder().decode(await fetchBytes(url))) as ConversationPage;
  const messages = page.messages.map(({ index, request_id, is_answer, message }) => {
    const read = message === null ? { index, role: 'unknown', blocks: [] } : readMessage(message, index);
    return { ...read, role: is_answer && read.role === 'unknown' ? 'assistant' : read.role, request: request_id, is_answer };
  });
  return { ...page, messages };
}
