// What the bundler makes of imports that are no code.

declare module '*.css?inline' {
  const text: string;
  export default text;
}

declare module '*.css';
