/** What handling a query comes to, where it is not the length of an answer. */

/** Nothing is to be sent, now or later. */
export const NO_ANSWER = 0;
/** The client is among the waiters of a pending question. */
export const ANSWER_LATER = -1;
/** The cache has an answer, which has expired. */
export const ANSWER_EXPIRED = -2;
