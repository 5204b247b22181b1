/**
 * Who may do what: `viewer` reads, `billing` also acts on customers, `admin` also hands out keys; `feed` only brings usage,
 * and `bounces` the mails that came back.
 */
export const KEY_ROLES = ['viewer', 'billing', 'admin', 'feed', 'bounces'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

/** The bearer of a valid key. */
export interface Principal {
  keyId: string;
  name: string;
  role: KeyRole;
}

/** What machines bring, and nothing else. */
export type NarrowRole = 'feed' | 'bounces';

const RANK: Record<Exclude<KeyRole, NarrowRole>, number> = { viewer: 1, billing: 2, admin: 3 };

/** What a route needs: a role of the ladder viewer < billing < admin, or any above; a narrow role only where it is let in. */
export interface RouteNeed {
  role: Exclude<KeyRole, NarrowRole>;
  alsoFor: NarrowRole | undefined;
}

export function satisfies(role: KeyRole, need: RouteNeed): boolean {
  return role === 'feed' || role === 'bounces' ? role === need.alsoFor : RANK[role] >= RANK[need.role];
}

/** How the bearer is written down as the one who did something. */
export function actorOf(principal: Principal): string {
  return `${principal.name} (${principal.keyId})`;
}
