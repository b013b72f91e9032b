// What the course's contract does not allow, by kind: arguments for its events, made from a seed. Sends nothing.
import type { Random } from './random'

/** Arguments of one kind for one event, all of which must be refused. */
export interface Kind {
  name: string
  make: (random: Random) => unknown[]
  /** How many are enough; the others' room is filled at random. */
  most: number
  /** What refuses it; `erro` unless told. */
  answer?: 'erro' | 'cadastro_erro' | 'autenticacao_erro'
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** The events with a payload, and the payload: a text, or an object with these texts in it. */
const shapes = {
  cadastrar_usuario: ['nome', 'senha'],
  autenticar_usuario: ['nome', 'senha'],
  adicionar_documento: 'nome',
  selecionar_documento: ['nomeDocumento'],
  texto_editor: ['texto', 'nomeDocumento'],
  excluir_documento: 'nome',
} as const
export type Event = keyof typeof shapes
export const events = Object.keys(shapes) as Event[]

const nameCharsMax = 200
const isText = (value: unknown): value is string => typeof value === 'string' && !/\p{Surrogate}/u.test(value)
const isName = (value: unknown) => isText(value) && value !== '' && [...value].length <= nameCharsMax

/** Whether an event's first argument is what the contract asks for: then it is no nonsense. */
function isSense(event: Event, payload: unknown): boolean {
  const shape = shapes[event]
  if (typeof shape === 'string') return isName(payload)
  if (event === 'selecionar_documento' && typeof payload === 'string') return isName(payload)
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false
  return shape.every((field) => {
    const value = Object.getOwnPropertyDescriptor(payload, field)?.value as unknown
    return field === 'nomeDocumento' ? isName(value) : isText(value)
  })
}

const pick = <T>(random: Random, from: readonly T[]): T => from[random.below(from.length)]!

const strings = ['', 'nome', '\0', '\ud800', 'x\udfff', '🌳', '\u202e', '../..', '%00', '$where', '__proto__']
const keys = [
  'nome',
  'senha',
  'texto',
  'nomeDocumento',
  'nomeUsuario',
  '$gt',
  '$regex',
  'constructor',
  'length',
]

/** Any JSON at all, not too deep. */
function anything(random: Random, depth = 4): Json {
  const length = random.below(4)
  switch (random.below(depth > 0 ? 7 : 5)) {
    case 0:
      return pick(random, [null, true, false])
    case 1:
      return pick(random, [0, -1, 0.5, 1e300, -(2 ** 53), random.next()])
    case 2:
    case 3:
      return pick(random, strings)
    case 4:
      return String.fromCharCode(...Array.from({ length: random.below(40) }, () => random.below(65_536)))
    case 5:
      return Array.from({ length }, () => anything(random, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length }, () => [pick(random, keys), anything(random, depth - 1)]),
      )
  }
}

const operators = [
  { $regex: '.*' },
  { $gt: '' },
  { $ne: null },
  { $in: ['nome'] },
  { $where: 'while (true) {}' },
  { $exists: true },
]

/** Fields that are there only by inheritance, or that are more than fields. */
const inherited = (fields: object) => [
  JSON.parse(`{"__proto__": ${JSON.stringify(fields)}}`) as object,
  { constructor: { prototype: fields } },
  { toString: 'nome', valueOf: 'nome', length: 4 },
  { 0: 'n', 1: 'o', length: 2 },
  { toJSON: 'nome' },
]

/** Lists in lists in lists. */
function nested(depth: number, inner: unknown): unknown {
  let value = inner
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

/** What stands where a text should. */
const notTexts = (random: Random): unknown[] => [
  null,
  true,
  random.below(1_000),
  -0.5,
  ['nome'],
  [],
  {},
  pick(random, operators),
  pick(random, inherited({ nome: 'nome' })),
  Buffer.from('nome'),
  '\ud800 nome',
  nested(8, 'nome'),
]

/** Names under which nobody keeps anything; some would find something where a name were more than its bytes. */
const noNames = (known: string) => [
  '.*',
  '^',
  '%',
  '_',
  `' OR 1=1 --`,
  `"; DROP TABLE documents; --`,
  '__proto__',
  'constructor',
  'toString',
  `${known}\0`,
  `${known} `,
  known.toUpperCase(),
  known.normalize('NFD'),
  known.slice(0, -1),
  `../${known}`,
]

/** Every kind for an event. `known` is the name of a document that there is. */
export function kinds(event: Event, known: string): Kind[] {
  const shape = shapes[event]
  const fields = typeof shape === 'string' ? [] : shape
  const whole = Object.fromEntries(
    fields.map((field) => [field, field === 'nomeDocumento' ? known : 'palavras']),
  )
  const good: unknown = fields.length ? whole : known
  const lists = [[good], [[good]], [known], Object.values(whole)]
  const all: Kind[] = [
    { name: 'nothing', most: 200, make: () => [] },
    {
      name: 'null, numbers and truth',
      most: 400,
      make: (r) => [pick(r, [null, undefined, 0, -1, 1e300, true])],
    },
    { name: 'a list', most: 400, make: (r) => [pick(r, lists)] },
    { name: 'an operator', most: 400, make: (r) => [pick(r, operators)] },
    { name: 'inherited fields', most: 400, make: (r) => [pick(r, inherited(whole))] },
    { name: 'deep nesting', most: 30, make: (r) => [nested(1 + r.below(1_500), good)] },
    { name: 'bytes', most: 300, make: (r) => [Buffer.alloc(r.below(4_096), known)] },
    { name: 'half characters', most: 300, make: (r) => [pick(r, ['\ud800', 'a\udc00', '\udbff\ud800'])] },
    {
      name: 'too many arguments',
      most: 300,
      make: (r) => [null, ...Array<unknown>(r.below(500)).fill(good)],
    },
    {
      name: 'anything',
      most: Infinity,
      make: (random) => {
        for (;;) {
          const args = Array.from({ length: 1 + random.below(3) }, () => anything(random))
          if (!isSense(event, args[0])) return args
        }
      },
    },
  ]
  for (const field of fields) {
    const { [field]: _, ...without } = whole
    all.push(
      { name: `without ${field}`, most: 300, make: () => [without] },
      {
        name: `${field} is no text`,
        most: 1_500,
        make: (random) => [{ ...whole, [field]: pick(random, notTexts(random)) }],
      },
    )
  }
  if (event === 'cadastrar_usuario' || event === 'autenticar_usuario') return [...all, ...people(event)]
  return [...all, ...names(event, whole, known)]
}

/** What is a text, but no account's. Passwords are looked at slowly, so there are few. */
function people(event: 'cadastrar_usuario' | 'autenticar_usuario'): Kind[] {
  const senha = 'long enough'
  if (event === 'autenticar_usuario') {
    const nobody = [`' OR 1=1 --`, '{"$gt":""}', '__proto__', '\0', '', 'x'.repeat(50_000)]
    const make = (random: Random) => [{ nome: pick(random, nobody), senha }]
    return [{ name: 'nobody', most: 40, answer: 'autenticacao_erro', make }]
  }
  const bad = [
    { nome: '', senha },
    { nome: ' ', senha },
    { nome: 'a\0b', senha },
    { nome: 'a\u202eb', senha },
    { nome: 'x'.repeat(65), senha },
    { nome: 'x'.repeat(50_000), senha },
    { nome: 'curta', senha: 'short' },
    { nome: 'comprida', senha: 'x'.repeat(50_000) },
  ]
  const make = (random: Random) => [pick(random, bad)]
  return [{ name: 'names and passwords out of bounds', most: 400, answer: 'cadastro_erro', make }]
}

/** What is a text, but no document's name, or not that of any document. */
function names(event: Event, whole: Record<string, string>, known: string): Kind[] {
  const under = (name: string) => [Object.keys(whole).length ? { ...whole, nomeDocumento: name } : name]
  const all: Kind[] = [
    { name: 'an empty name', most: 100, make: () => under('') },
    { name: 'a name of 201', most: 200, make: () => under('🌳'.repeat(nameCharsMax + 1)) },
    { name: 'a huge name', most: 20, make: (r) => under('x'.repeat(r.below(300_000) + 1_000)) },
  ]
  if (event === 'adicionar_documento') return all
  return [
    ...all,
    { name: 'no such document', most: 400, make: (random) => under(pick(random, noNames(known))) },
  ]
}

/** Events that there are not. */
export const strangeEvents: Kind = {
  name: 'no such event',
  most: Infinity,
  make: (random) => [
    pick(random, [
      '',
      'obter_documentos ',
      'OBTER_DOCUMENTOS',
      'open',
      'edit',
      'erro',
      'autorizacao_sucesso',
      'texto_editor_clientes',
      '__proto__',
      'constructor',
      'toString',
      '🌳'.repeat(50),
      'x'.repeat(20_000),
    ]),
    ...Array.from({ length: random.below(3) }, () => anything(random)),
  ],
}
