/** The part of the npm package smpp 0.5 that Plafond uses; the package brings no types of its own. */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events';
  import type { Server as NetServer } from 'node:net';

  export interface Pdu {
    command: string;
    command_status: number;
    message_id?: string;
    system_id?: string;
    password?: string;
    interface_version?: number;
    source_addr?: string;
    source_addr_ton?: number;
    destination_addr?: string;
    data_coding?: number;
    esm_class?: number;
    registered_delivery?: number;
    /** Of a receipt, where the SMSC sends them. */
    receipted_message_id?: string;
    message_state?: number;
    short_message?: { message: string; udh?: Buffer[] };
    response(fields?: Record<string, unknown>): Pdu;
  }

  export interface Session extends EventEmitter {
    /** False where the connection can't be written to any more. */
    send(pdu: Pdu, onResponse?: (response: Pdu) => void): boolean;
    close(): void;
    destroy(): void;
  }

  export interface Server extends NetServer {
    sessions: Session[];
  }

  interface Smpp {
    connect(options: { host: string; port: number; auto_enquire_link_period: number }): Session;
    createServer(listener: (session: Session) => void): Server;
    PDU: new (command: string, fields?: Record<string, unknown>) => Pdu;
    /** Status names, such as `ESME_RTHROTTLED`, and their numbers. */
    errors: Record<string, number>;
    encodings: Record<'ASCII' | 'UCS2', { encode(text: string): Buffer; decode(octets: Buffer): string }>;
  }

  const smpp: Smpp;
  export default smpp;
}
