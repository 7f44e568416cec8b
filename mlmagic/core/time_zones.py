"""Time zones by their Windows names, as Azure ML v1 has them, with the IANA zone whose rules each follows.

The zones are those of the table "windowsZones" of Unicode CLDR, for the whole world ("001").
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mlmagic.errors import InvalidConfig, UsageError, nearest


class TimeZone(StrEnum):
    """A time zone. Its value is the Windows name."""

    iana: str
    """The IANA name, such as ``Europe/Berlin``."""

    def __new__(cls, windows: str, iana: str) -> Self:
        made = str.__new__(cls, windows)
        made._value_ = windows
        made.iana = iana
        return made

    DatelineStandardTime = "Dateline Standard Time", "Etc/GMT+12"
    UTC11 = "UTC-11", "Etc/GMT+11"
    AleutianStandardTime = "Aleutian Standard Time", "America/Adak"
    HawaiianStandardTime = "Hawaiian Standard Time", "Pacific/Honolulu"
    MarquesasStandardTime = "Marquesas Standard Time", "Pacific/Marquesas"
    AlaskanStandardTime = "Alaskan Standard Time", "America/Anchorage"
    UTC09 = "UTC-09", "Etc/GMT+9"
    PacificStandardTimeMexico = "Pacific Standard Time (Mexico)", "America/Tijuana"
    UTC08 = "UTC-08", "Etc/GMT+8"
    PacificStandardTime = "Pacific Standard Time", "America/Los_Angeles"
    USMountainStandardTime = "US Mountain Standard Time", "America/Phoenix"
    MountainStandardTimeMexico = "Mountain Standard Time (Mexico)", "America/Mazatlan"
    MountainStandardTime = "Mountain Standard Time", "America/Denver"
    YukonStandardTime = "Yukon Standard Time", "America/Whitehorse"
    CentralAmericaStandardTime = "Central America Standard Time", "America/Guatemala"
    CentralStandardTime = "Central Standard Time", "America/Chicago"
    EasterIslandStandardTime = "Easter Island Standard Time", "Pacific/Easter"
    CentralStandardTimeMexico = "Central Standard Time (Mexico)", "America/Mexico_City"
    CanadaCentralStandardTime = "Canada Central Standard Time", "America/Regina"
    SAPacificStandardTime = "SA Pacific Standard Time", "America/Bogota"
    EasternStandardTimeMexico = "Eastern Standard Time (Mexico)", "America/Cancun"
    EasternStandardTime = "Eastern Standard Time", "America/New_York"
    HaitiStandardTime = "Haiti Standard Time", "America/Port-au-Prince"
    CubaStandardTime = "Cuba Standard Time", "America/Havana"
    USEasternStandardTime = "US Eastern Standard Time", "America/Indiana/Indianapolis"
    TurksAndCaicosStandardTime = "Turks And Caicos Standard Time", "America/Grand_Turk"
    ParaguayStandardTime = "Paraguay Standard Time", "America/Asuncion"
    AtlanticStandardTime = "Atlantic Standard Time", "America/Halifax"
    VenezuelaStandardTime = "Venezuela Standard Time", "America/Caracas"
    CentralBrazilianStandardTime = "Central Brazilian Standard Time", "America/Cuiaba"
    SAWesternStandardTime = "SA Western Standard Time", "America/La_Paz"
    PacificSAStandardTime = "Pacific SA Standard Time", "America/Santiago"
    NewfoundlandStandardTime = "Newfoundland Standard Time", "America/St_Johns"
    TocantinsStandardTime = "Tocantins Standard Time", "America/Araguaina"
    ESouthAmericaStandardTime = "E. South America Standard Time", "America/Sao_Paulo"
    SAEasternStandardTime = "SA Eastern Standard Time", "America/Cayenne"
    ArgentinaStandardTime = "Argentina Standard Time", "America/Argentina/Buenos_Aires"
    GreenlandStandardTime = "Greenland Standard Time", "America/Nuuk"
    MontevideoStandardTime = "Montevideo Standard Time", "America/Montevideo"
    MagallanesStandardTime = "Magallanes Standard Time", "America/Punta_Arenas"
    SaintPierreStandardTime = "Saint Pierre Standard Time", "America/Miquelon"
    BahiaStandardTime = "Bahia Standard Time", "America/Bahia"
    UTC02 = "UTC-02", "Etc/GMT+2"
    MidAtlanticStandardTime = "Mid-Atlantic Standard Time", "Etc/GMT+2"
    AzoresStandardTime = "Azores Standard Time", "Atlantic/Azores"
    CapeVerdeStandardTime = "Cape Verde Standard Time", "Atlantic/Cape_Verde"
    UTC = "UTC", "Etc/UTC"
    MoroccoStandardTime = "Morocco Standard Time", "Africa/Casablanca"
    GMTStandardTime = "GMT Standard Time", "Europe/London"
    GreenwichStandardTime = "Greenwich Standard Time", "Atlantic/Reykjavik"
    SaoTomeStandardTime = "Sao Tome Standard Time", "Africa/Sao_Tome"
    WEuropeStandardTime = "W. Europe Standard Time", "Europe/Berlin"
    CentralEuropeStandardTime = "Central Europe Standard Time", "Europe/Budapest"
    RomanceStandardTime = "Romance Standard Time", "Europe/Paris"
    CentralEuropeanStandardTime = "Central European Standard Time", "Europe/Warsaw"
    WCentralAfricaStandardTime = "W. Central Africa Standard Time", "Africa/Lagos"
    JordanStandardTime = "Jordan Standard Time", "Asia/Amman"
    GTBStandardTime = "GTB Standard Time", "Europe/Bucharest"
    MiddleEastStandardTime = "Middle East Standard Time", "Asia/Beirut"
    EgyptStandardTime = "Egypt Standard Time", "Africa/Cairo"
    EEuropeStandardTime = "E. Europe Standard Time", "Europe/Chisinau"
    SyriaStandardTime = "Syria Standard Time", "Asia/Damascus"
    WestBankStandardTime = "West Bank Standard Time", "Asia/Hebron"
    SouthAfricaStandardTime = "South Africa Standard Time", "Africa/Johannesburg"
    FLEStandardTime = "FLE Standard Time", "Europe/Helsinki"
    IsraelStandardTime = "Israel Standard Time", "Asia/Jerusalem"
    SouthSudanStandardTime = "South Sudan Standard Time", "Africa/Juba"
    KaliningradStandardTime = "Kaliningrad Standard Time", "Europe/Kaliningrad"
    SudanStandardTime = "Sudan Standard Time", "Africa/Khartoum"
    LibyaStandardTime = "Libya Standard Time", "Africa/Tripoli"
    NamibiaStandardTime = "Namibia Standard Time", "Africa/Windhoek"
    ArabicStandardTime = "Arabic Standard Time", "Asia/Baghdad"
    TurkeyStandardTime = "Turkey Standard Time", "Europe/Istanbul"
    ArabStandardTime = "Arab Standard Time", "Asia/Riyadh"
    BelarusStandardTime = "Belarus Standard Time", "Europe/Minsk"
    RussianStandardTime = "Russian Standard Time", "Europe/Moscow"
    EAfricaStandardTime = "E. Africa Standard Time", "Africa/Nairobi"
    IranStandardTime = "Iran Standard Time", "Asia/Tehran"
    ArabianStandardTime = "Arabian Standard Time", "Asia/Dubai"
    AstrakhanStandardTime = "Astrakhan Standard Time", "Europe/Astrakhan"
    AzerbaijanStandardTime = "Azerbaijan Standard Time", "Asia/Baku"
    RussiaTimeZone3 = "Russia Time Zone 3", "Europe/Samara"
    MauritiusStandardTime = "Mauritius Standard Time", "Indian/Mauritius"
    SaratovStandardTime = "Saratov Standard Time", "Europe/Saratov"
    GeorgianStandardTime = "Georgian Standard Time", "Asia/Tbilisi"
    VolgogradStandardTime = "Volgograd Standard Time", "Europe/Volgograd"
    CaucasusStandardTime = "Caucasus Standard Time", "Asia/Yerevan"
    AfghanistanStandardTime = "Afghanistan Standard Time", "Asia/Kabul"
    WestAsiaStandardTime = "West Asia Standard Time", "Asia/Tashkent"
    EkaterinburgStandardTime = "Ekaterinburg Standard Time", "Asia/Yekaterinburg"
    PakistanStandardTime = "Pakistan Standard Time", "Asia/Karachi"
    QyzylordaStandardTime = "Qyzylorda Standard Time", "Asia/Qyzylorda"
    IndiaStandardTime = "India Standard Time", "Asia/Kolkata"
    SriLankaStandardTime = "Sri Lanka Standard Time", "Asia/Colombo"
    NepalStandardTime = "Nepal Standard Time", "Asia/Kathmandu"
    CentralAsiaStandardTime = "Central Asia Standard Time", "Asia/Bishkek"
    BangladeshStandardTime = "Bangladesh Standard Time", "Asia/Dhaka"
    OmskStandardTime = "Omsk Standard Time", "Asia/Omsk"
    MyanmarStandardTime = "Myanmar Standard Time", "Asia/Yangon"
    SEAsiaStandardTime = "SE Asia Standard Time", "Asia/Bangkok"
    AltaiStandardTime = "Altai Standard Time", "Asia/Barnaul"
    WMongoliaStandardTime = "W. Mongolia Standard Time", "Asia/Hovd"
    NorthAsiaStandardTime = "North Asia Standard Time", "Asia/Krasnoyarsk"
    NCentralAsiaStandardTime = "N. Central Asia Standard Time", "Asia/Novosibirsk"
    TomskStandardTime = "Tomsk Standard Time", "Asia/Tomsk"
    ChinaStandardTime = "China Standard Time", "Asia/Shanghai"
    NorthAsiaEastStandardTime = "North Asia East Standard Time", "Asia/Irkutsk"
    SingaporeStandardTime = "Singapore Standard Time", "Asia/Singapore"
    WAustraliaStandardTime = "W. Australia Standard Time", "Australia/Perth"
    TaipeiStandardTime = "Taipei Standard Time", "Asia/Taipei"
    UlaanbaatarStandardTime = "Ulaanbaatar Standard Time", "Asia/Ulaanbaatar"
    AusCentralWStandardTime = "Aus Central W. Standard Time", "Australia/Eucla"
    TransbaikalStandardTime = "Transbaikal Standard Time", "Asia/Chita"
    TokyoStandardTime = "Tokyo Standard Time", "Asia/Tokyo"
    NorthKoreaStandardTime = "North Korea Standard Time", "Asia/Pyongyang"
    KoreaStandardTime = "Korea Standard Time", "Asia/Seoul"
    YakutskStandardTime = "Yakutsk Standard Time", "Asia/Yakutsk"
    CenAustraliaStandardTime = "Cen. Australia Standard Time", "Australia/Adelaide"
    AUSCentralStandardTime = "AUS Central Standard Time", "Australia/Darwin"
    EAustraliaStandardTime = "E. Australia Standard Time", "Australia/Brisbane"
    AUSEasternStandardTime = "AUS Eastern Standard Time", "Australia/Sydney"
    WestPacificStandardTime = "West Pacific Standard Time", "Pacific/Port_Moresby"
    TasmaniaStandardTime = "Tasmania Standard Time", "Australia/Hobart"
    VladivostokStandardTime = "Vladivostok Standard Time", "Asia/Vladivostok"
    LordHoweStandardTime = "Lord Howe Standard Time", "Australia/Lord_Howe"
    BougainvilleStandardTime = "Bougainville Standard Time", "Pacific/Bougainville"
    RussiaTimeZone10 = "Russia Time Zone 10", "Asia/Srednekolymsk"
    MagadanStandardTime = "Magadan Standard Time", "Asia/Magadan"
    NorfolkStandardTime = "Norfolk Standard Time", "Pacific/Norfolk"
    SakhalinStandardTime = "Sakhalin Standard Time", "Asia/Sakhalin"
    CentralPacificStandardTime = "Central Pacific Standard Time", "Pacific/Guadalcanal"
    RussiaTimeZone11 = "Russia Time Zone 11", "Asia/Kamchatka"
    NewZealandStandardTime = "New Zealand Standard Time", "Pacific/Auckland"
    UTC12 = "UTC+12", "Etc/GMT-12"
    FijiStandardTime = "Fiji Standard Time", "Pacific/Fiji"
    KamchatkaStandardTime = "Kamchatka Standard Time", "Asia/Kamchatka"
    ChathamIslandsStandardTime = "Chatham Islands Standard Time", "Pacific/Chatham"
    UTC13 = "UTC+13", "Etc/GMT-13"
    TongaStandardTime = "Tonga Standard Time", "Pacific/Tongatapu"
    SamoaStandardTime = "Samoa Standard Time", "Pacific/Apia"
    LineIslandsStandardTime = "Line Islands Standard Time", "Pacific/Kiritimati"

    @classmethod
    def parse(cls, name: str) -> TimeZone:
        """The zone of a Windows name. Raises `InvalidConfig` with the nearest name for any other."""
        for zone in cls:
            if zone.value.lower() == name.strip().lower():
                return zone
        of_iana = next((zone.value for zone in cls if zone.iana == name), "")
        like = of_iana or nearest(name, [zone.value for zone in cls])
        raise InvalidConfig(
            "time_zone",
            name,
            "must be the Windows name of a time zone",
            hint=f"Did you mean {like!r}?" if like else "For example TimeZone.UTC or 'GMT Standard Time'.",
        )

    @property
    def rules(self) -> tzinfo:
        """The zone with its daylight saving times. Raises `UsageError` where there is no tz database."""
        if self is TimeZone.UTC:
            return UTC
        try:
            return ZoneInfo(self.iana)
        except ZoneInfoNotFoundError:
            raise UsageError(
                f"the time zone {self.iana!r} is not in the time zone database of this machine",
                hint="Install it: pip install tzdata",
            ) from None
