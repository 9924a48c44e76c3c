// An OpenID Provider that this project did not write, with Entra's URL shapes and claims.
// Started with one argument, a JSON object {tenant, client_id, users: [{login, claims}]}; any password will do.
// Prints "issuer: URL" when it is ready.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const { tenant, client_id, users } = JSON.parse(process.argv[2]);
const accounts = new Map(users.map(({ login, claims }) => [login, claims]));
// Every claim that a person may have goes into the ID token, as at Entra.
const claims = new Set(['oid', 'tid', 'ver', 'uti', 'acct', 'name', 'preferred_username']);
for (const user of users) Object.keys(user.claims).forEach((claim) => claims.add(claim));

const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const configuration = {
  claims: { openid: ['sub', ...claims] },
  clients: [{
    client_id,
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    redirect_uris: ['http://localhost'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }],
  // ID tokens of the code flow carry all claims of the scope, not `sub` alone.
  conformIdTokenClaims: false,
  cookies: { keys: [randomBytes(32).toString('hex')] },
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  findAccount: (_, login) => accounts.has(login) && {
    accountId: login,
    claims: () => ({ sub: login, ...accounts.get(login) }),
  },
  // Without asking for consent each time, as Entra does when offline_access is in the scope.
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  jwks: { keys: [{ ...key, alg: 'RS256', use: 'sig', kid: randomBytes(8).toString('hex') }] },
  pkce: { required: () => true },
  routes: {
    authorization: '/oauth2/v2.0/authorize',
    code_verification: '/devicelogin',
    device_authorization: '/oauth2/v2.0/devicecode',
    jwks: '/discovery/v2.0/keys',
    token: '/oauth2/v2.0/token',
  },
  ttl: { AccessToken: 3600, DeviceCode: 900, Grant: 86400, IdToken: 3900, Interaction: 600, RefreshToken: 86400, Session: 86400 },
};

const mount = `/${tenant}/v2.0`;
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}${mount}`;
  const provider = new Provider(issuer, configuration);
  const handle = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith(mount)) {
      response.writeHead(404).end();
      return;
    }
    // What oidc-provider looks for when it is mounted below a path.
    request.originalUrl = request.url;
    request.url = request.url.slice(mount.length) || '/';
    handle(request, response);
  });
  console.log(`issuer: ${issuer}`);
});
