// Reading forms.

/** @returns a handler that takes the form's fields instead of sending them by the browser */
export function onSubmit(take: (fields: Record<string, string>) => unknown): (event: SubmitEvent) => void {
  return (event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    take(Object.fromEntries([...fields].map(([name, value]) => [name, String(value)])));
  };
}
