"""The course's contract with a client of another language: python-socketio, as a program would use it.

    python3 classic.py URL polling|websocket

Prints a line of JSON for each thing that holds, and ends with an error at the first that does not.
"""

import json
import queue
import sys

import socketio

URL, TRANSPORT = sys.argv[1:3]
PASSWORD = "correct horse battery staple"
WITHIN_S = 30


class Tab:
    """One connection to one namespace, and what it heard and nobody waited for yet."""

    def __init__(self, namespace, token=None):
        self.namespace = namespace
        self.heard = queue.Queue()
        self.client = socketio.Client(reconnection=False)
        self.client.on("*", lambda event, *args: self.heard.put((event, *args)), namespace=namespace)
        auth = {"token": token} if token else None
        self.client.connect(
            URL, transports=[TRANSPORT], namespaces=[namespace], auth=auth, wait_timeout=WITHIN_S
        )

    def hears(self, *wanted):
        """What comes next; it must be this."""
        heard = self.heard.get(timeout=WITHIN_S)
        assert heard[: len(wanted)] == wanted, f"heard {heard}, not {wanted}"
        return heard

    def says(self, event, *data):
        self.client.emit(event, *data, namespace=self.namespace)

    def asks(self, event, *data):
        return self.client.call(event, *data, namespace=self.namespace, timeout=WITHIN_S)

    def leaves(self):
        self.client.disconnect()


def holds(what):
    print(json.dumps({"holds": what, "transport": TRANSPORT}), flush=True)


def sign_up_and_in(person):
    door = Tab("/")
    account = {"nome": person, "senha": PASSWORD}
    door.says("cadastrar_usuario", account)
    door.hears("cadastro_sucesso")
    door.says("cadastrar_usuario", account)
    door.hears("usuario_ja_existente")
    door.says("autenticar_usuario", {**account, "senha": "not the password"})
    door.hears("autenticacao_erro")
    door.says("autenticar_usuario", account)
    _, token = door.hears("autenticacao_sucesso")
    assert "=" not in token and ";" not in token, token
    door.leaves()
    return token


def refusal(token):
    """The server's words to whoever brings this token."""
    words = queue.Queue()
    client = socketio.Client(reconnection=False)
    client.on("connect_error", words.put, namespace="/usuarios")
    auth = {"token": token} if token else None
    client.connect(URL, transports=[TRANSPORT], namespaces=["/usuarios"], auth=auth, wait=False)
    said = words.get(timeout=WITHIN_S)["message"]
    client.disconnect()
    return said


def main():
    ana, bruno = f"Ana Py {TRANSPORT}", f"Bruno Py {TRANSPORT}"
    name = f"d'après 🌳 {TRANSPORT}"

    tokens = [sign_up_and_in(person) for person in (ana, bruno)]
    holds("sign up and in")

    forged = tokens[0][:-4] + ("AAAA" if tokens[0][-4:] != "AAAA" else "BBBB")
    for token, words in ((None, "jwt must be provided"), ("x", "jwt malformed"), (forged, "invalid signature")):
        assert refusal(token) == words, refusal(token)
    holds("refused tokens")

    hers, his = (Tab("/usuarios", token) for token in tokens)
    for tab, person in ((hers, ana), (his, bruno)):
        _, claims = tab.hears("autorizacao_sucesso")
        assert claims["nomeUsuario"] == person and claims["exp"] - claims["iat"] == 3600, claims
    holds("join")

    hers.says("adicionar_documento", name)
    for tab in (hers, his):
        tab.hears("adicionar_documento_interface", name)
    his.says("adicionar_documento", name)
    his.hears("documento_existente", name)
    holds("add")

    listed = [document for document in his.asks("obter_documentos") if document["nome"] == name]
    assert [sorted(document) for document in listed] == [["_id", "nome", "texto"]], listed
    holds("list")

    assert hers.asks("selecionar_documento", {"nomeDocumento": name, "nomeUsuario": ana}) == ""
    hers.hears("usuarios_no_documento", [ana])
    assert his.asks("selecionar_documento", {"nomeDocumento": name, "nomeUsuario": bruno}) == ""
    for tab in (hers, his):
        tab.hears("usuarios_no_documento", [ana, bruno])
    holds("select with acknowledgement")

    text = ""
    for turn, (writer, reader) in enumerate([(hers, his), (his, hers)] * 10):
        text += f"{turn}: ação 🌳\n"
        writer.says("texto_editor", {"texto": text, "nomeDocumento": name})
        reader.hears("texto_editor_clientes", text)
    stored = {document["nome"]: document["texto"] for document in hers.asks("obter_documentos")}
    assert stored[name] == text, stored[name]
    holds("two clients write")

    hers.says("texto_editor", {"texto": {"$gt": ""}, "nomeDocumento": name})
    hers.hears("erro")
    assert set(hers.asks("selecionar_documento", {"nomeDocumento": {"$regex": "."}})) == {"erro"}
    hers.hears("erro")
    holds("errors to the sender")

    his.leaves()
    hers.hears("usuarios_no_documento", [ana])
    again = Tab("/usuarios", tokens[1])
    again.hears("autorizacao_sucesso")
    again.says("excluir_documento", name)
    for tab in (hers, again):
        tab.hears("excluir_documento_sucesso", name)
    assert name not in [document["nome"] for document in again.asks("obter_documentos")]
    holds("leave and delete")
    for tab in (hers, again):
        tab.leaves()


main()
