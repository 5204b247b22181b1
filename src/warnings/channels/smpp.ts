import { createHash } from 'node:crypto';
import smpp, { type Pdu, type Session } from 'smpp';
import { answerLine, failureName } from './answer.ts';
import type { Channel, Outcome, OutgoingMessage, ReceiptListener } from './channel.ts';
import { isGsm7, splitSms } from './gsm7.ts';
import { receiptIn } from './smpp-receipt.ts';

const CONNECT_WAIT_MS_MAX = 10_000;
const ANSWER_WAIT_MS_MAX = 20_000;
const UNBIND_WAIT_MS_MAX = 1_000;
/** SMSCs commonly drop a session that is silent for a minute. */
const ENQUIRE_LINK_MS = 30_000;

/** SMPP 3.4. The package's default of 5.0 is refused by SMSCs that know only 3.4. */
const INTERFACE_VERSION = 0x34;
const DATA_CODING = { gsm7: 0x00, ucs2: 0x08 };
const ESM_CLASS_UDH = 0x40;

/** Statuses of SMPP 3.4 §5.1.3 that speak of the SMSC's state and not of the message. */
const RETRY_STATUSES = new Set([
  'ESME_RINVBNDSTS',
  'ESME_RSYSERR',
  'ESME_RMSGQFUL',
  'ESME_RTHROTTLED',
  'ESME_RX_T_APPN',
  'ESME_RDELIVERYFAILURE',
  'ESME_RUNKNOWNERR',
]);

/** An SMSC asks for a receipt, whatever became of the message (§5.2.17). */
const REGISTERED_DELIVERY = 1;
const REBIND_MS_MIN = 1_000;
const REBIND_MS_MAX = 30_000;

/**
 * An SMSC by SMPP 3.4: one transceiver session, kept open. Who listens for receipts has it bound at once, and again after it
 * broke; otherwise the next message binds it.
 */
export class SmppChannel implements Channel {
  readonly kind = 'sms';
  readonly description: string;
  readonly #host: string;
  readonly #port: number;
  readonly #systemId: string;
  readonly #password: string;
  readonly #source: Record<string, unknown>;
  #session: Promise<Session> | undefined;
  #listener: ReceiptListener | undefined;
  #rebinding: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(url: URL) {
    this.#host = url.hostname.replaceAll(/[[\]]/g, '');
    this.#port = url.port === '' ? 2775 : Number(url.port);
    this.#systemId = decodeURIComponent(url.username);
    this.#password = decodeURIComponent(url.password);
    this.#source = sourceAddress(url.searchParams.get('from') ?? '');
    this.description = `SMS by SMPP at ${url.hostname}:${this.#port}`;
  }

  async send(message: OutgoingMessage): Promise<Outcome> {
    try {
      const session = await this.#bound();
      const references: string[] = [];
      for (const part of partsOf(message)) {
        const submit = new smpp.PDU('submit_sm', {
          ...this.#source,
          ...destinationAddress(message.to),
          ...part,
          registered_delivery: REGISTERED_DELIVERY,
        });
        const answer = await exchange(session, submit, ANSWER_WAIT_MS_MAX);
        const status = statusName(answer.command_status);
        if (answer.command_status !== 0) {
          // The SMSC holds our session for unbound: the next message binds again.
          if (status === 'ESME_RINVBNDSTS') {
            this.#session = undefined;
            session.destroy();
          }
          return { outcome: RETRY_STATUSES.has(status) ? 'retry' : 'refused', answer: status };
        }
        references.push(answer.message_id ?? '');
      }
      const gatewayIds = references.filter((reference) => reference !== '');
      return { outcome: 'sent', answer: 'ESME_ROK', reference: references.join(','), gatewayIds };
    } catch (error) {
      return { outcome: 'retry', answer: answerLine(failureName(error), [this.#password]) };
    }
  }

  listen(listener: ReceiptListener): void {
    this.#listener = listener;
    this.#keepBound(REBIND_MS_MIN);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#rebinding);
    const session = await this.#session?.catch(() => undefined);
    if (session === undefined) return;
    await exchange(session, new smpp.PDU('unbind'), UNBIND_WAIT_MS_MAX).catch(() => undefined);
    session.destroy();
  }

  /** Binds now, and again whenever the session ends, with growing pauses while that fails. */
  #keepBound(pause_ms: number): void {
    if (this.#closed) return;
    const again = (next_ms: number): void => {
      if (this.#closed) return;
      this.#rebinding = setTimeout(() => this.#keepBound(next_ms), pause_ms);
      this.#rebinding.unref();
    };
    this.#bound().then(
      (session) => session.once('close', () => again(REBIND_MS_MIN)),
      () => again(Math.min(pause_ms * 2, REBIND_MS_MAX)),
    );
  }

  /** A receipt is answered when it has been kept; one that was not is asked for again by a temporary error. */
  async #received(session: Session, pdu: Pdu): Promise<void> {
    const receipt = receiptIn(pdu);
    const kept = !receipt || !this.#listener || (await this.#listener(receipt).catch(() => false));
    session.send(pdu.response(kept ? {} : { command_status: smpp.errors.ESME_RX_T_APPN }));
  }

  /** The bound session; messages that arrive while it is being bound wait for the same one. */
  #bound(): Promise<Session> {
    if (this.#session === undefined) {
      const binding = this.#bind();
      const forget = (): void => {
        if (this.#session === binding) this.#session = undefined;
      };
      binding.then((session) => session.once('close', forget), forget);
      this.#session = binding;
    }
    return this.#session;
  }

  async #bind(): Promise<Session> {
    const session = await connect(this.#host, this.#port);
    session.on('deliver_sm', (pdu: Pdu) => void this.#received(session, pdu));
    const credentials = { system_id: this.#systemId, password: this.#password, interface_version: INTERFACE_VERSION };
    const bind = new smpp.PDU('bind_transceiver', credentials);
    const answer = await exchange(session, bind, CONNECT_WAIT_MS_MAX);
    if (answer.command_status !== 0) {
      session.destroy();
      throw new Error(`bind refused with ${statusName(answer.command_status)}`);
    }
    return session;
  }
}

/** An open session that answers what the SMSC asks of it. */
function connect(host: string, port: number): Promise<Session> {
  const session = smpp.connect({ host, port, auto_enquire_link_period: ENQUIRE_LINK_MS });
  // Each message that waits for its answer listens for the end of the session.
  session.setMaxListeners(0);
  session.on('enquire_link', (pdu: Pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu: Pdu) => {
    session.send(pdu.response());
    session.close();
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => session.destroy(), CONNECT_WAIT_MS_MAX);
    session.once('connect', () => {
      clearTimeout(timer);
      resolve(session);
    });
    session.on('error', (error: Error) => {
      reject(error);
      session.destroy();
    });
    session.once('close', () => {
      clearTimeout(timer);
      reject(new Error(`no connection to ${host}:${port}`));
    });
  });
}

/** Sends a request and waits for its response. A session that does not answer in time is broken, and is ended. */
function exchange(session: Session, request: Pdu, wait_ms_max: number): Promise<Pdu> {
  return new Promise((resolve, reject) => {
    const closed = (): void => {
      clearTimeout(timer);
      reject(new Error('the session ended before the answer came'));
    };
    const timer = setTimeout(() => session.destroy(), wait_ms_max);
    session.once('close', closed);
    const written = session.send(request, (response) => {
      clearTimeout(timer);
      session.off('close', closed);
      resolve(response);
    });
    if (!written) {
      session.off('close', closed);
      closed();
      session.destroy();
    }
  });
}

/**
 * The parts in which the text travels. The number that joins them comes from the message's id, so that a phone which
 * gets a part twice, because a later one had to be repeated, recognises it.
 */
function partsOf(message: OutgoingMessage): Record<string, unknown>[] {
  const gsm7 = isGsm7(message.text);
  const coding = gsm7 ? smpp.encodings.ASCII : smpp.encodings.UCS2;
  const data_coding = gsm7 ? DATA_CODING.gsm7 : DATA_CODING.ucs2;
  const parts = splitSms(message.text);
  if (parts.length === 1) return [{ data_coding, short_message: coding.encode(message.text) }];
  const joint = createHash('sha256').update(message.id).digest()[0]!;
  return parts.map((part, index) => {
    // User data header, TS 23.040 §9.2.3.24.1: concatenated short message, 8-bit reference, total, number of this part.
    const header = Buffer.from([0x05, 0x00, 0x03, joint, parts.length, index + 1]);
    const short_message = Buffer.concat([header, coding.encode(part)]);
    return { data_coding, esm_class: ESM_CLASS_UDH, short_message };
  });
}

/** Type of number: 5 for a name, 1 for an international number, 0 for a short code. */
function sourceAddress(from: string): Record<string, unknown> {
  const ton = from.startsWith('+') ? 1 : /\D/.test(from) ? 5 : 0;
  return { source_addr: from.replace(/^\+/, ''), source_addr_ton: ton, source_addr_npi: ton === 5 ? 0 : 1 };
}

function destinationAddress(to: string): Record<string, unknown> {
  return { destination_addr: to.replace(/^\+/, ''), dest_addr_ton: 1, dest_addr_npi: 1 };
}

function statusName(status: number): string {
  const known = Object.entries(smpp.errors).find(([, value]) => value === status);
  return known?.[0] ?? `status 0x${status.toString(16)}`;
}
