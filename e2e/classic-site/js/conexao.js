// A conexão de quem já entrou. O que se diz por ela é assunto de cada página.
import { avisar, irPara } from './aviso.js'
import { esquecerToken, lerToken } from './token.js'

/** Conecta ao namespace `/usuarios`, que só aceita quem mostra um token. */
export function conectar() {
  // `auth` como função é chamada a cada conexão: ao reconectar vale o token de agora, não o de antes.
  const socket = io('/usuarios', { auth: (mostrar) => mostrar({ token: lerToken() }) })

  socket.on('connect_error', (erro) => {
    // Rede fora do ar: o Socket.IO continua tentando. Recusado pelo servidor: ele desiste, e é preciso entrar.
    if (socket.active) return
    esquecerToken()
    irPara('/entrar/', erro.message === 'jwt must be provided' ? '' : 'Entre de novo para continuar.')
  })
  socket.on('disconnect', () =>
    avisar(
      socket.active
        ? 'Sem conexão. O que você escrever será enviado assim que ela voltar.'
        : 'O servidor encerrou a conexão. Recarregue a página.',
    ),
  )
  socket.io.on('reconnect', () => avisar(''))
  socket.on('erro', ({ mensagem }) => avisar(mensagem))
  return socket
}
