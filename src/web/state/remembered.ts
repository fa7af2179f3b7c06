// Who was signed in last in this browser: who it is taken for while the server cannot be asked.

/** A user as they see themselves. */
export interface Me {
  id: string;
  name: string;
  /** The account ends with its cookie. */
  guest: boolean;
  email: string | null;
}

const KEY = 'teamboard user';

/** @param me null: nobody any more */
export function remember(me: Me | null): void {
  try {
    if (me) localStorage.setItem(KEY, JSON.stringify({ id: me.id, name: me.name, guest: me.guest, email: null }));
    else {
      localStorage.removeItem(KEY);
      // The order of columns names their labels.
      for (const key of Object.keys(localStorage))
        if (key.startsWith('teamboard labels ')) localStorage.removeItem(key);
    }
  } catch {
    // The browser keeps nothing for this page: without the server nobody is known.
  }
}

export function remembered(): Me | undefined {
  try {
    return (JSON.parse(localStorage.getItem(KEY) ?? 'null') as Me | null) ?? undefined;
  } catch {
    return undefined;
  }
}
