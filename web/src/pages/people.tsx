// The people who are in a document besides us, once each however many pages they have open.
import { useEffect, useState } from 'preact/hooks'
import type { Presence } from '../collab/presence'
import type { Person } from '../collab/wire'
import { t } from '../i18n'
import { tintOf } from '../ui/tint'

const MOST_SHOWN = 5

export function People({ presence }: { presence: Presence }) {
  const [people, setPeople] = useState<Person[]>([])
  useEffect(() => {
    const look = (): void =>
      setPeople([...new Map(presence.others.map(({ person }) => [person.id, person])).values()])
    look()
    return presence.subscribe(look)
  }, [presence])

  if (people.length === 0) return null
  const names = new Intl.ListFormat(t.language).format(people.map(({ name }) => name))
  return (
    <ul class="people" data-testid="people" aria-label={t.document.people(names)} title={names}>
      {people.slice(0, MOST_SHOWN).map(({ id, name }) => (
        <li key={id} class={tintOf(id)} data-person={name} aria-label={name}>
          {initialsOf(name)}
        </li>
      ))}
      {people.length > MOST_SHOWN && <li class="rest">+{people.length - MOST_SHOWN}</li>}
    </ul>
  )
}

function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/)
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!] : [name.trim()]
  return letters
    .map((word) => [...word][0] ?? '')
    .join('')
    .toLocaleUpperCase()
}
