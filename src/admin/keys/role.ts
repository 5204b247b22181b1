/** Who may do what: `viewer` reads, `billing` also acts on customers, `admin` also hands out keys; `feed` only brings usage. */
export const KEY_ROLES = ['viewer', 'billing', 'admin', 'feed'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

/** The bearer of a valid key. */
export interface Principal {
  keyId: string;
  name: string;
  role: KeyRole;
}

const RANK: Record<Exclude<KeyRole, 'feed'>, number> = { viewer: 1, billing: 2, admin: 3 };

/** What a route needs: a role of the ladder viewer < billing < admin, or any above; a feed only where it is let in. */
export interface RouteNeed {
  role: Exclude<KeyRole, 'feed'>;
  feedToo: boolean;
}

export function satisfies(role: KeyRole, need: RouteNeed): boolean {
  return role === 'feed' ? need.feedToo : RANK[role] >= RANK[need.role];
}

/** How the bearer is written down as the one who did something. */
export function actorOf(principal: Principal): string {
  return `${principal.name} (${principal.keyId})`;
}
