// Logging in.
import { useState } from "preact/hooks";
import { Field } from "../parts/dialog";
import { link } from "../router";
import { logIn, session, wordsOf } from "../session";
import { t } from "../texts";

export function LoginPage() {
  const who = session.use();
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState("");
  const enter = async () => {
    try {
      await logIn(user, password);
    } catch (failure) {
      setError(wordsOf(failure));
    }
  };
  return (
    <main class="login">
      <section class="card" aria-label={t.login.title}>
        <form
          class="body"
          onSubmit={(event) => {
            event.preventDefault();
            void enter();
          }}
        >
          <h1>{t.login.title}</h1>
          {who?.has_provider && (
            <a class="btn p" href={link("oidc/login", { where: location.pathname + location.search })} target="_self">
              {t.login.provider}
            </a>
          )}
          {who?.can_log_in ? (
            <>
              <Field label={t.login.user}>
                <input autocomplete="username" required value={user} onInput={(event) => setUser(event.currentTarget.value)} />
              </Field>
              <Field label={t.login.password}>
                <input type="password" autocomplete="current-password" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} />
              </Field>
              {error && <p class="up" role="alert">{error}</p>}
              <button class="btn p" type="submit">{t.login.enter}</button>
            </>
          ) : (
            !who?.has_provider && <p>{t.login.none}</p>
          )}
        </form>
      </section>
    </main>
  );
}

