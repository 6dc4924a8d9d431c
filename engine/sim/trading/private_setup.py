"""The endpoints that describe or set up the account: wallet, key, fees, leverage, modes.

It exists beside orders and reads so that each stays short. It must never promise a right or a
mode the account does not have.
"""

from decimal import Decimal

from engine.sim.trading.asked import Asked, invalid
from engine.sim.trading.desk import Desk
from engine.sim.trading.rows import COIN, Json, plain
from engine.sim.venue_rest import PARAMETER_ERROR, Refused

LEVERAGE_MAX = Decimal(50)  # leverageFilter of every instrument
_MARGIN_MODES = ("ISOLATED_MARGIN", "REGULAR_MARGIN", "PORTFOLIO_MARGIN")
_RIGHTS = {
    "ContractTrade": ["Order", "Position"],
    "Spot": [],
    "Wallet": [],
    "Options": [],
    "Derivatives": ["DerivativesTrade"],
    "CopyTrading": [],
    "BlockTrade": [],
    "Exchange": [],
    "NFT": [],
    "Affiliate": [],
    "Earn": [],
}


class Setup:
    """Bodies of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._ledger = desk.ledger
        self._market = desk.market
        self._accounting = desk.accounting
        self._now = str(desk.market.now_ms)  # when the account was opened

    def wallet(self, asked: Asked) -> Json:
        """account/wallet-balance."""
        asked.one_of("accountType", ("UNIFIED",), "UNIFIED")
        return {"list": [self._accounting.wallet_row()]}

    def account(self, _asked: Asked) -> Json:
        """account/info: a unified account 2.0."""
        return {
            "unifiedMarginStatus": 5,
            "marginMode": self._ledger.margin_mode,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
            "updatedTime": self._now,
        }

    def key(self, _asked: Asked) -> Json:
        """user/query-api: it may trade derivatives, and neither withdraw nor transfer."""
        return {
            "id": "1",
            "note": "sandbox",
            "apiKey": "sandbox",
            "readOnly": 0,
            "secret": "",
            "permissions": _RIGHTS,
            "ips": ["127.0.0.1"],
            "type": 1,
            "deadlineDay": 90,
            "expiredAt": "2099-01-01T00:00:00Z",
            "createdAt": "2020-01-01T00:00:00Z",
            "unified": 0,
            "uta": 1,
            "userID": 1,
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": True,
            "parentUid": "0",
            "kycLevel": "LEVEL_DEFAULT",
            "kycRegion": "",
        }

    def fee_rates(self, asked: Asked) -> Json:
        """account/fee-rate of one symbol or all."""
        symbol = asked.text("symbol")
        symbols = [self._market.rules(symbol).symbol] if symbol else list(self._market.instruments)
        return {
            "category": "linear",
            "list": [
                {
                    "symbol": name,
                    "takerFeeRate": plain(self._market.rate(name, is_maker=False)),
                    "makerFeeRate": plain(self._market.rate(name, is_maker=True)),
                }
                for name in symbols
            ],
        }

    def coins(self, _asked: Asked) -> Json:
        """asset/coin/query-info: the settlement coin, which cannot leave."""
        return {"rows": [{"name": COIN, "coin": COIN, "remainAmount": "0", "chains": []}]}

    def accept(self, asked: Asked) -> Json:
        """order/disconnected-cancel-all: taken note of; this exchange never does it."""
        if not 3 <= asked.whole("timeWindow") <= 300:  # noqa: PLR2004 -- seconds, documented
            raise invalid("timeWindow")
        return {}

    def set_leverage(self, asked: Asked) -> Json:
        """position/set-leverage: the same for both sides."""
        symbol = self._market.rules(asked.text("symbol")).symbol
        buy, sell = asked.positive("buyLeverage"), asked.positive("sellLeverage")
        if buy is None or buy < 1:
            raise invalid("buyLeverage")
        if sell != buy:
            raise Refused(PARAMETER_ERROR, "buy leverage must be equal to sell leverage")
        if buy > LEVERAGE_MAX:
            most = f"maxLeverage [{LEVERAGE_MAX * 100}] by risk limit"
            raise Refused(110013, f"cannot set leverage [{buy * 100:.0f}] gt {most}")
        if buy == self._ledger.lever(symbol):
            raise Refused(110043, "leverage not modified")
        self._ledger.leverage[symbol] = buy
        for idx in (1, 2) if symbol in self._ledger.hedged else (0,):
            held = self._ledger.position(symbol, idx)
            self._ledger.change(held)
            self._ledger.tell_position(held)
        return {}

    def switch_mode(self, asked: Asked) -> Json:
        """position/switch-mode: 0 one-way, 3 hedge, of a symbol or of all that settle in a coin."""
        symbol, mode = asked.text("symbol"), asked.whole("mode", 1)
        if mode not in (0, 3):
            raise invalid("mode")
        if not symbol and asked.text("coin") != COIN:
            raise Refused(PARAMETER_ERROR, "params error: symbol or coin is required")
        symbols = {self._market.rules(symbol).symbol} if symbol else set(self._market.instruments)
        changed = {s for s in symbols if (s in self._ledger.hedged) != (mode > 0)}
        if not changed:
            raise Refused(110025, "Position mode is not modified")
        for name in changed:
            self._check_idle(name)
        self._ledger.hedged ^= changed
        return {}

    def set_margin_mode(self, asked: Asked) -> Json:
        """account/set-margin-mode, of the whole account."""
        mode = asked.text("setMarginMode")
        if mode not in _MARGIN_MODES:
            raise invalid("setMarginMode")
        self._ledger.margin_mode = mode
        return {"reasons": []}

    def _check_idle(self, symbol: str) -> None:
        if any(p.symbol == symbol for p in self._ledger.held()):
            raise Refused(110024, "You have an existing position, position mode cannot be switched")
        if self._ledger.active(symbol):
            raise Refused(110028, "You have existing orders, position mode cannot be switched")
