// The course's contract, documents, event by event, with the client of the course's time and the newest, over each transport.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Tab } from '../src/classic'
import { castOf, heardDuring, somebody, variants } from '../src/classic-cast'
import * as people from '../src/people'
import { Server } from '../src/server'

let server: Server
beforeAll(async () => {
  server = await Server.start({ args: ['--max-sign-ins-per-minute', '6000'] })
})
afterAll(() => server?.end())

describe.each(variants)('$release over $way', (variant) => {
  const { own, ana, bruno, clara, tokens, at, visit, tabOf, tabs, document, room } = castOf(
    variant,
    () => server,
  )

  test('what a page writes before it has selected the document is merged, and nothing is lost', async () => {
    const [hers, his] = (await tabs(ana, bruno)) as [Tab, Tab]
    const nome = await room('cedo', [hers, ana])
    hers.write(nome, 'o que já estava. ')
    await expect.poll(() => his.text(nome)).toBe('o que já estava. ')

    const early = new Tab('/usuarios', at(server, { token: tokens.get(clara) }))
    onTestFinished(() => early.leave())
    early.write(nome, 'cedo demais')
    await early.hears('autorizacao_sucesso')
    const seen = [
      await early.select(nome),
      ...early.heard.filter(([event]) => event === 'texto_editor_clientes'),
    ]
    const all = /o que já estava\..*cedo demais|cedo demais.*o que já estava\./s
    await expect.poll(() => his.text(nome)).toMatch(all)
    expect(String(seen.at(-1))).toMatch(all)
    await expect
      .poll(() => String(hers.heard.findLast(([event]) => event === 'texto_editor_clientes')?.[1]))
      .toMatch(all)
  })

  test('obter_documentos: all documents with their texts, oldest first, and nothing more', async () => {
    const [hers, his] = (await tabs(ana, bruno)) as [Tab, Tab]
    const first = await room('lista 1', [hers, ana], [his, bruno])
    const second = await document('lista 2', his)
    hers.write(first, 'um texto')
    await his.hearsThat('texto_editor_clientes', 'um texto')
    const listed = (await his.documents()).filter(({ nome }) => nome === first || nome === second)
    expect(listed).toEqual([
      { _id: expect.any(String), nome: first, texto: 'um texto' },
      { _id: expect.any(String), nome: second, texto: '' },
    ])
    expect(new Set(listed.map(({ _id }) => _id)).size).toBe(2)
  })

  test('adicionar_documento: the whole namespace hears of it; if it is there already, only the sender', async () => {
    const [hers, his] = (await tabs(ana, bruno)) as [Tab, Tab]
    const door = await visit()
    const nome = own('novo')
    const [byHer, byHim, atTheDoor] = await heardDuring([hers, his, door], async () => {
      hers.emit('adicionar_documento', nome)
      await Promise.all([hers, his].map((tab) => tab.hearsThat('adicionar_documento_interface', nome)))
      his.emit('adicionar_documento', nome)
      await his.hearsThat('documento_existente', nome)
    })
    expect(byHer).toEqual([['adicionar_documento_interface', nome]])
    expect(byHim).toEqual([
      ['adicionar_documento_interface', nome],
      ['documento_existente', nome],
    ])
    expect(atTheDoor).toEqual([])
  })

  test('adicionar_documento: of ten at once with one name, one makes it', async () => {
    const [hers, his] = (await tabs(ana, bruno)) as [Tab, Tab]
    const nome = own('corrida')
    for (let round = 0; round < 5; round++)
      [hers, his].forEach((tab) => tab.emit('adicionar_documento', nome))
    const answers = () =>
      [hers, his].flatMap((tab) => tab.heard.filter((heard) => heard[0] === 'documento_existente')).length
    for (const tab of [hers, his]) await tab.hearsThat('adicionar_documento_interface', nome)
    await expect.poll(answers).toBe(9)
    const [byHer, byHim] = await heardDuring([hers, his], () => {})
    expect([...byHer!, ...byHim!]).toEqual([])
    expect(hers.count('adicionar_documento_interface')).toBe(1)
    expect((await hers.documents()).filter((document) => document.nome === nome)).toHaveLength(1)
  })

  test('selecionar_documento: first the room hears who is inside, in the order of joining, then the sender gets the text', async () => {
    const [hers, his, theirs, outside] = (await tabs(ana, bruno, clara, ana)) as [Tab, Tab, Tab, Tab]
    const nome = await document('sala', hers, his, theirs, outside)
    const other = await document('outra sala', hers, his, theirs, outside)
    await outside.select(other)
    const [byHer, byHim, byThem, byOthers] = await heardDuring([hers, his, theirs, outside], async () => {
      // Whose name they bear is decided by their sessions, not by what they say.
      await theirs.select(nome, ana)
      await hers.select(nome, clara)
      await his.select(nome, bruno)
      await theirs.hearsThat('usuarios_no_documento', [clara, ana, bruno])
      await hers.hearsThat('usuarios_no_documento', [clara, ana, bruno])
    })
    expect(byThem).toEqual([
      ['usuarios_no_documento', [clara]],
      ['ack selecionar_documento', ''],
      ['usuarios_no_documento', [clara, ana]],
      ['usuarios_no_documento', [clara, ana, bruno]],
    ])
    expect(byHer).toEqual([
      ['usuarios_no_documento', [clara, ana]],
      ['ack selecionar_documento', ''],
      ['usuarios_no_documento', [clara, ana, bruno]],
    ])
    expect(byHim).toEqual([
      ['usuarios_no_documento', [clara, ana, bruno]],
      ['ack selecionar_documento', ''],
    ])
    expect(byOthers).toEqual([])
  })

  test('disconnect: those who remain hear who is left, and who comes back is last', async () => {
    const [hers, his, theirs] = (await tabs(ana, bruno, clara)) as [Tab, Tab, Tab]
    const nome = await room('saídas', [hers, ana], [his, bruno], [theirs, clara])
    hers.leave()
    for (const tab of [his, theirs]) await tab.hearsThat('usuarios_no_documento', [bruno, clara])
    const again = await tabOf(ana)
    await again.select(nome)
    for (const tab of [his, theirs, again]) await tab.hearsThat('usuarios_no_documento', [bruno, clara, ana])
  })

  test('a second tab of the same person on the same document is sent home, and the first goes on', async () => {
    const [first, second, his] = (await tabs(ana, ana, bruno)) as [Tab, Tab, Tab]
    const other = await document('aba livre', first, second, his)
    const nome = await room('duas abas', [first, ana], [his, bruno])
    await second.hearsThat('adicionar_documento_interface', nome)
    const [inFirst, inSecond, byHim] = await heardDuring([first, second, his], async () => {
      second.socket.emit('selecionar_documento', { nomeDocumento: nome, nomeUsuario: bruno }, () =>
        second.heard.push(['an acknowledgement']),
      )
      await second.hears('usuario_ja_no_documento')
      first.write(nome, 'continua')
      await his.hearsThat('texto_editor_clientes', 'continua')
    })
    expect(inFirst).toEqual([])
    expect(inSecond, 'no acknowledgement').toEqual([['usuario_ja_no_documento']])
    expect(byHim).toEqual([['texto_editor_clientes', 'continua']])
    expect(await second.select(other), 'another document').toBe('')
    first.leave()
    await his.hearsThat('usuarios_no_documento', [bruno])
    const third = await tabOf(ana)
    expect(await third.select(nome), 'once the first has left').toBe('continua')
  })

  test('texto_editor: the others in the room hear the text, if it changed; nobody else does', async () => {
    const [hers, his, theirs] = (await tabs(ana, bruno, clara)) as [Tab, Tab, Tab]
    const other = await room('outro texto', [theirs, clara])
    const nome = await room('texto', [hers, ana], [his, bruno])
    await theirs.hearsThat('adicionar_documento_interface', nome)
    const texts = ['á', 'árvore', 'árvore 🌳\r\n\tfim', '', '\0 <b>"x"</b> $& ${y}']
    const both = `${texts.at(-1)} e dele`
    const [byHer, byHim, byThem] = await heardDuring([hers, his, theirs], async () => {
      for (const texto of texts) {
        hers.write(nome, texto)
        hers.write(nome, texto)
        await his.hearsThat('texto_editor_clientes', texto)
      }
      his.write(nome, both)
      await hers.hearsThat('texto_editor_clientes', both)
    })
    expect(byHim).toEqual(texts.map((texto) => ['texto_editor_clientes', texto]))
    expect(byHer).toEqual([['texto_editor_clientes', both]])
    expect(byThem).toEqual([])
    expect(await theirs.text(nome)).toBe(both)
    expect(await theirs.text(other)).toBe('')
  })

  test('more than a million bytes: the sender gets the stored text back and then a reason; nobody else notices', async () => {
    const [hers, his] = (await tabs(ana, bruno)) as [Tab, Tab]
    const nome = await room('grande', [hers, ana], [his, bruno])
    hers.write(nome, 'pequeno')
    await his.hearsThat('texto_editor_clientes', 'pequeno')
    const [byHer, byHim] = await heardDuring([hers, his], async () => {
      hers.write(nome, 'é'.repeat(500_001))
      await hers.hears('erro')
    })
    expect(byHer).toEqual([
      ['texto_editor_clientes', 'pequeno'],
      ['erro', { mensagem: expect.any(String) }],
    ])
    expect(byHim).toEqual([])
    expect(await his.text(nome)).toBe('pequeno')
    hers.write(nome, 'x'.repeat(1_000_000))
    await his.hearsThat('texto_editor_clientes', 'x'.repeat(1_000_000))
    hers.emit('excluir_documento', nome)
    await his.hearsThat('excluir_documento_sucesso', nome)
  })

  test('excluir_documento: the whole namespace hears it, those inside too; it is gone and its name is free', async () => {
    const [hers, his, theirs] = (await tabs(ana, bruno, clara)) as [Tab, Tab, Tab]
    const nome = await room('some', [hers, ana], [his, bruno])
    hers.write(nome, 'palavras')
    await his.hearsThat('texto_editor_clientes', 'palavras')
    theirs.emit('excluir_documento', nome)
    for (const tab of [hers, his, theirs]) await tab.hearsThat('excluir_documento_sucesso', nome)
    expect(await theirs.text(nome)).toBeUndefined()
    // Who has not gone home yet writes into nothing: it does not come back.
    his.write(nome, 'palavras e mais')
    await his.hears('erro')
    expect(await theirs.text(nome)).toBeUndefined()
    await expect(theirs.select(nome)).rejects.toThrow('erro')
    await theirs.add(nome)
    expect(await theirs.select(nome), 'a new one with the old name').toBe('')
  })

  test('a document that there is not: an error to the sender', async () => {
    const [hers, his] = (await tabs(ana, bruno)) as [Tab, Tab]
    const nome = own('nunca houve')
    const [byHer, byHim] = await heardDuring([hers, his], async () => {
      await expect(hers.select(nome)).rejects.toThrow('erro')
      hers.write(nome, 'x')
      hers.emit('excluir_documento', nome)
      for (let errors = 0; errors < 2; errors++) await hers.hears('erro')
    })
    expect(byHer!.filter(([event]) => event === 'erro')).toEqual(
      Array(3).fill(['erro', { mensagem: expect.any(String) }]),
    )
    expect(byHim).toEqual([])
    expect(await his.text(nome)).toBeUndefined()
  })

  test('names hold any character, and are themselves only', async () => {
    const [hers, his] = (await tabs(ana, bruno)) as [Tab, Tab]
    const names = [
      'a/b',
      '../../etc/passwd',
      'São João',
      'Sa\u0303o João',
      '🌳👩‍🚀',
      `"aspas" e 'apóstrofos'`,
      '%_%',
      'a\0b',
      'a\0c',
      'linha\nnova\t',
      ' espaço antes',
      'espaço depois ',
      'espaço depois',
      'MAIÚSCULAS',
      'maiúsculas',
      '<script>alert(1)</script>',
      '__proto__',
      'constructor',
      '$where',
      '.',
      '',
      '\u202eabc',
      '42["x"]',
      '?nome=x&y#z',
      'x'.repeat(190 - own('').length),
    ].map((name) => name + own(''))
    for (const nome of names) {
      await hers.add(nome)
      await hers.select(nome)
      expect(await his.select(nome)).toBe('')
      hers.write(nome, `em ${nome}`)
      await his.hearsThat('texto_editor_clientes', `em ${nome}`)
    }
    const listed = (await his.documents()).filter(({ nome }) => names.includes(nome))
    expect(listed.map(({ nome, texto }) => [nome, texto])).toEqual(names.map((nome) => [nome, `em ${nome}`]))
    for (const nome of names) {
      his.emit('excluir_documento', nome)
      await hers.hearsThat('excluir_documento_sucesso', nome)
    }
    expect((await his.documents()).filter(({ nome }) => names.includes(nome))).toEqual([])
    for (const nome of ['', 'x'.repeat(201)]) await expect(hers.add(nome)).rejects.toThrow('erro')
    const longest = '\u{1f333}'.repeat(200 - [...own('')].length) + own('')
    await hers.add(longest)
    expect(await his.text(longest)).toBe('')
  })
})

describe('beside our own pages', () => {
  test('text documents made on our pages are listed by their titles, and come and go as any other', async () => {
    const { person: quim, tab } = await somebody(server, 'Quim')
    const { person: rosa, tab: hers } = await somebody(server, 'Rosa')
    const make = (kind: 'text' | 'rich', title: string) => people.createDocument(server, quim, kind, title)
    const first = await make('text', 'Plano')
    await hers.hearsThat('adicionar_documento_interface', 'Plano')
    const second = await make('text', 'Plano')
    await hers.hearsThat('adicionar_documento_interface', 'Plano (2)')
    await make('rich', 'Plano rico')
    const secret = await make('text', 'Segredo')
    await people.patch(server, quim, secret, { visibility: 'private' })
    await hers.hearsThat('excluir_documento_sucesso', 'Segredo')

    const mine = (documents: { nome: string; _id: string }[]) =>
      documents.filter(({ nome }) => /^(Plano|Segredo)/.test(nome)).map(({ nome, _id }) => [nome, _id])
    expect(mine(await hers.documents())).toEqual([
      ['Plano', first],
      ['Plano (2)', second],
    ])
    expect(mine(await tab.documents())).toEqual([
      ['Plano', first],
      ['Plano (2)', second],
      ['Segredo', secret],
    ])
    await expect(hers.select('Segredo')).rejects.toThrow('erro')
    await expect(hers.add('Plano')).rejects.toThrow('documento_existente')

    expect(await hers.select('Plano (2)')).toBe('')
    hers.write('Plano (2)', 'pela página do curso')
    await expect.poll(() => people.exportedText(server, rosa, second)).toBe('pela página do curso')
    expect(await people.exportedText(server, rosa, first)).toBe('')

    await people.trash(server, quim, second)
    await hers.hearsThat('excluir_documento_sucesso', 'Plano (2)')
    await people.restoreFromTrash(server, quim, second)
    await hers.hearsThat('adicionar_documento_interface', 'Plano (2)')
    expect(await hers.text('Plano (2)')).toBe('pela página do curso')
  })
})
