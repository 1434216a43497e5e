// Values that are written out in a script: texts, numbers, lists, objects.
// Owns: reading them from the syntax tree, without running anything. Refuses to know: what they are for.

export const NOT_LITERAL = Symbol('not a literal');

/**
 * The value of an expression; NOT_LITERAL, and a word to `refuse`, for what would have to be run. In objects and lists such
 * parts are left out.
 *
 * @param {any} node @param {string} where @param {(where: string) => void} refuse
 * @returns {any}
 */
export function literalOf(node, where, refuse) {
  switch (node?.type) {
    case undefined:
      return NOT_LITERAL;
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'ParenthesizedExpression':
      return literalOf(node.expression, where, refuse);
    case 'Literal':
      if (!('regex' in node) && typeof node.value !== 'bigint') return node.value;
      break;
    case 'TemplateLiteral':
      if (node.expressions.length === 0) return node.quasis[0].value.cooked;
      break;
    case 'UnaryExpression':
      if (node.operator === '-' && typeof node.argument.value === 'number') return -node.argument.value;
      break;
    case 'NewExpression': // metadataBase: new URL('https://…')
      if (node.callee.name === 'URL' && typeof node.arguments[0]?.value === 'string')
        return node.arguments[0].value;
      break;
    case 'ArrayExpression':
      return node.elements
        .map((/** @type {any} */ item, /** @type {number} */ at) =>
          literalOf(item, `${where}[${at}]`, refuse),
        )
        .filter((/** @type {unknown} */ value) => value !== NOT_LITERAL);
    case 'ObjectExpression':
      return objectOf(node, where, refuse);
  }
  refuse(where);
  return NOT_LITERAL;
}

/** @param {any} node @param {string} where @param {(where: string) => void} refuse */
function objectOf(node, where, refuse) {
  /** @type {[string, unknown][]} */
  const entries = [];
  for (const { type, key, value, computed } of node.properties) {
    const name = type === 'Property' && !computed ? (key.name ?? key.value) : undefined;
    if (name === undefined) refuse(where);
    else entries.push([String(name), literalOf(value, `${where}.${name}`, refuse)]);
  }
  return Object.fromEntries(entries.filter(([, value]) => value !== NOT_LITERAL));
}
