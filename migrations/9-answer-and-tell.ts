import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What customers answer to warnings, what operators are told and by whom, and how caps are foreseen. */
export class AnswerAndTell1700000000009 implements MigrationInterface {
  name = 'AnswerAndTell1700000000009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ANSWERS);
    await runner.query(OPERATORS);
    await runner.query(EVENTS_OF_THEIR_CAUSE);
    await runner.query(FORECASTS);
    await runner.query(FORGETTING);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX warnings_to_forget, decisions_to_forget, changes_to_forget;
      DROP TRIGGER decisions_tell_operators ON decisions;
      DROP TRIGGER alarms_tell_operators ON alarms;
      DROP TRIGGER alarms_tell_all_clear ON alarms;
      DROP FUNCTION tell_of_decisions(), tell_of_alarm();
      DROP TABLE forecasts, daily_summaries, operator_attempts, operator_messages, operator_events, silences, receivers,
        consent_policies, answers, link_key`);
  }
}

const ANSWERS = `
  -- Signs the links of warnings where the environment names no key: every process must sign alike.
  CREATE TABLE link_key (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    key       bytea NOT NULL
  );

  -- What customers said by the link of a warning, and what they had read when they said it.
  CREATE TABLE answers (
    answer_no      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    answer_id      uuid PRIMARY KEY,
    -- the form that was sent: one form answers once
    form_id        uuid NOT NULL UNIQUE,
    account_id     text COLLATE "C" NOT NULL,
    decision_id    uuid NOT NULL REFERENCES decisions,
    answer         text COLLATE "C" NOT NULL CHECK (answer IN ('not-us', 'us', 'call-me')),
    at             timestamptz NOT NULL,
    -- as they read it, in their language
    shown          text NOT NULL,
    language       text COLLATE "C" NOT NULL,
    address        text NOT NULL,
    user_agent     text NOT NULL,
    amount_micros  bigint,
    currency       text COLLATE "C" NOT NULL,
    phone          text NOT NULL DEFAULT ''
  );
  CREATE INDEX answers_of_decision ON answers (decision_id, answer_no);
  CREATE INDEX answers_of_account ON answers (account_id, answer_no);

  -- Up to which amount a customer may consent to more than a cap by themselves. No row, no consent.
  CREATE TABLE consent_policies (
    scope_kind     text COLLATE "C" NOT NULL CHECK (scope_kind IN ('everyone', 'segment', 'account')),
    scope_value    text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    maximum_micros bigint NOT NULL CHECK (maximum_micros >= 0),
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (scope_kind, scope_value, currency)
  );
`;

const OPERATORS = `
  -- Who of the billing team is told, by which way, of what.
  CREATE TABLE receivers (
    name        text COLLATE "C" PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('email', 'slack', 'webhook')),
    address     text NOT NULL,
    -- the name of the variable that holds the secret; never the secret
    secret      text COLLATE "C" NOT NULL DEFAULT '',
    events      text[] NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
  );

  -- A silence withholds messages to operators, and nothing else.
  CREATE TABLE silences (
    silence_id  uuid PRIMARY KEY,
    -- which events: of a kind, of one subject (an account, a feed) or both; NULL: any
    kind        text COLLATE "C",
    subject     text COLLATE "C",
    reason      text NOT NULL,
    author      text NOT NULL,
    created_at  timestamptz NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    ended_by    text
  );
  CREATE INDEX silences_by_end ON silences (ends_at);

  -- What there is to tell. Waits until it is told together with others of its kind (grouped_at, in the database's time).
  CREATE TABLE operator_events (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    text        text NOT NULL,
    -- the trouble is over
    over        boolean NOT NULL DEFAULT false,
    facts       jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    grouped_at  timestamptz,
    silence_id  uuid REFERENCES silences
  );
  CREATE INDEX operator_events_pending ON operator_events (kind, event_id) WHERE grouped_at IS NULL;
  CREATE INDEX operator_events_silenced ON operator_events (silence_id, event_id) WHERE silence_id IS NOT NULL;

  -- One message to one receiver: its content is final, and it is tried until it is there, ten times at most. Pauses are in the database's time.
  CREATE TABLE operator_messages (
    message_no   bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    message_id   uuid PRIMARY KEY,
    receiver     text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL,
    subject      text NOT NULL,
    text         text NOT NULL,
    html         text NOT NULL DEFAULT '',
    -- json, not jsonb: what was signed is sent again byte for byte
    body         json NOT NULL,
    state        text COLLATE "C" NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'failed')),
    attempts     integer NOT NULL DEFAULT 0,
    leased_until timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    settled_at   timestamptz
  );
  CREATE INDEX operator_messages_of_receiver ON operator_messages (receiver, message_no);
  CREATE INDEX operator_messages_open ON operator_messages (message_no) WHERE state IN ('queued', 'sending');
  CREATE INDEX operator_messages_of_kind ON operator_messages (kind, created_at);

  CREATE TABLE operator_attempts (
    message_id  uuid NOT NULL REFERENCES operator_messages ON DELETE CASCADE,
    attempt     integer NOT NULL,
    at          timestamptz NOT NULL,
    outcome     text COLLATE "C" NOT NULL CHECK (outcome IN ('sent', 'retry', 'refused')),
    answer      text NOT NULL,
    PRIMARY KEY (message_id, attempt)
  );

  CREATE TABLE daily_summaries (
    day         date PRIMARY KEY,
    at          timestamptz NOT NULL,
    figures     jsonb NOT NULL
  );
`;

/**
 * What operators are told commits with its cause, whichever use case writes that: so it hangs on the tables themselves.
 * One statement a batch of decisions; shadow mode tells nobody.
 */
const EVENTS_OF_THEIR_CAUSE = `
  CREATE FUNCTION tell_of_decisions() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO operator_events (kind, subject, at, text, facts)
    SELECT 'notify-operator', account_id, at, explanation,
           jsonb_strip_nulls(jsonb_build_object('decision', decision_id, 'account', account_id, 'trigger', trigger,
             'cap', cap_id, 'period', nullif(period, ''), 'threshold', threshold, 'traffic', nullif(traffic, '')))
      FROM fresh WHERE type = 'notify-operator' AND mode <> 'shadow' ORDER BY decision_no;
    RETURN NULL;
  END $$;
  CREATE TRIGGER decisions_tell_operators AFTER INSERT ON decisions REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION tell_of_decisions();

  CREATE FUNCTION tell_of_alarm() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO operator_events (kind, subject, at, text, over, facts)
    VALUES ('alarm', NEW.subject, coalesce(NEW.cleared_at, NEW.raised_at), coalesce(NEW.cleared_text, NEW.text),
            NEW.cleared_at IS NOT NULL, jsonb_build_object('alarm', NEW.alarm_id::text, 'kind', NEW.kind) || NEW.facts);
    RETURN NULL;
  END $$;
  CREATE TRIGGER alarms_tell_operators AFTER INSERT ON alarms FOR EACH ROW EXECUTE FUNCTION tell_of_alarm();
  CREATE TRIGGER alarms_tell_all_clear AFTER UPDATE ON alarms FOR EACH ROW
    WHEN (OLD.cleared_at IS NULL AND NEW.cleared_at IS NOT NULL) EXECUTE FUNCTION tell_of_alarm();
`;

const FORECASTS = `
  -- The latest forecast of an account under a cap that asks for one, and the spend it was made at: the same spend is not
  -- looked at again within the day.
  CREATE TABLE forecasts (
    account_id    text COLLATE "C" NOT NULL,
    cap_id        uuid NOT NULL,
    service_id    text COLLATE "C" NOT NULL,
    period        text COLLATE "C" NOT NULL,
    at            timestamptz NOT NULL,
    spend_micros  bigint NOT NULL,
    forecast      jsonb NOT NULL,
    PRIMARY KEY (account_id, cap_id, service_id)
  );
`;

const FORGETTING = `
  -- What still names people, by its age (pipeline/retention/forget-personal-data.ts); what was masked is in none of them.
  CREATE INDEX warnings_to_forget ON warnings (settled_at) WHERE settled_at IS NOT NULL AND address <> '';
  CREATE INDEX answers_to_forget ON answers (at) WHERE shown <> '';
  CREATE INDEX decisions_to_forget ON decisions (at)
    WHERE type = 'notify-operator' AND trigger = 'manual' AND explanation ~ '\\+\\d{7}';
  CREATE INDEX changes_to_forget ON changes (at)
    WHERE subject IN ('account', 'allowed-numbers', 'receiver') AND coalesce(after, before) IS NOT NULL
      AND (subject = 'allowed-numbers' OR coalesce(after, before) ?| '{email,msisdn,address}');
`;
