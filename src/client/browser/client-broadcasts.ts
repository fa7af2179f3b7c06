// What `/client-broadcasts.js` is: apart, for pages that send broadcasts.

export { sender } from '../broadcast-sender.ts';
