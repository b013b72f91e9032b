// Signing in and up. The first person of an instance sees only the second.
import { useSignal } from '@preact/signals'
import { ApiError } from '../api/http'
import type { SignUp } from '../api/session'
import { HOME, navigate, route } from '../app/router'
import { signIn, signUp } from '../app/session'
import { t, textFor } from '../i18n'

interface SignPageProps {
  mode: 'in' | 'up'
  signUpOpen: SignUp
  first: boolean
  again: boolean
}

export function SignPage({ mode, signUpOpen, first, again }: SignPageProps) {
  const up = first || (mode === 'up' && signUpOpen !== 'closed')
  const working = useSignal(false)
  const problem = useSignal<string | undefined>(undefined)

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const text = (field: string): string => (form.get(field) as string | null) ?? ''
    working.value = true
    problem.value = undefined
    try {
      if (up) await signUp(text('name'), text('password'), text('invite'))
      else await signIn(text('name'), text('password'))
      if (route.value.page === 'sign') navigate(HOME, { replace: true })
    } catch (error) {
      problem.value = textFor(t.errors, error instanceof ApiError ? error.code : 'other')
      working.value = false
    }
  }

  return (
    <main class="sign">
      <p class="brand">SeSoDocs</p>
      <form class="card" onSubmit={submit} key={up ? 'up' : 'in'}>
        <h1>{first ? t.sign.firstTitle : up ? t.sign.upTitle : t.sign.inTitle}</h1>
        {(up || again) && (
          <p class="hint">{first ? t.sign.firstHint : again ? t.sign.again : t.sign.upHint}</p>
        )}
        <label>
          {t.sign.name}
          <input
            name="name"
            autocomplete="username"
            autocapitalize="none"
            required
            maxLength={64}
            data-testid="name"
          />
        </label>
        <label>
          {t.sign.password}
          <input
            name="password"
            type="password"
            autocomplete={up ? 'new-password' : 'current-password'}
            minLength={up ? 8 : undefined}
            maxLength={256}
            required
            aria-describedby={up ? 'password-hint' : undefined}
            data-testid="password"
          />
          {up && (
            <small id="password-hint" class="hint">
              {t.sign.passwordHint}
            </small>
          )}
        </label>
        {up && !first && signUpOpen === 'invite' && (
          <label>
            {t.sign.invite}
            <input name="invite" required data-testid="invite" />
          </label>
        )}
        <p class="problem" role="alert" data-testid="problem">
          {problem.value}
        </p>
        <button class="main" disabled={working.value} data-testid="submit">
          {up ? t.sign.up : t.sign.in}
        </button>
      </form>
      {!first && (up || signUpOpen !== 'closed') && (
        <p>
          <a href={up ? 'signin' : 'signup'} data-testid="other-mode">
            {up ? t.sign.toIn : t.sign.toUp}
          </a>
        </p>
      )}
    </main>
  )
}
