"""graphql-transport-ws: the protocol in which clients ask and subscribe on a websocket."""
