//! The catalogue.

use rand_chacha::ChaCha8Rng;

use super::chance::pick;

/// A good with its price in roubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Good {
    pub name: &'static str,
    pub price: i64,
}

const fn good(name: &'static str, price: i64) -> Good {
    Good { name, price }
}

const PUER: [Good; 5] = [
    good("шу пуэр «Мэнхай 2019»", 690),
    good("шу пуэр «Старый чинар», блин 357 г", 2_490),
    good("шен пуэр «Булан 2017»", 1_850),
    good("набор пробников шу, 5 × 10 г", 540),
    good("шу пуэр «Мандарин»", 890),
];
const OOLONG: [Good; 5] = [
    good("молочный улун", 420),
    good("да хун пао", 780),
    good("те гуань инь", 650),
    good("габа-улун", 560),
    good("дань цун «Медовая орхидея»", 960),
];
const GREEN: [Good; 4] = [
    good("сенча", 380),
    good("лунцзин весенний", 990),
    good("матча 30 г", 1_190),
    good("набор для матчи", 2_300),
];
const BLACK: [Good; 4] = [
    good("ассам 100 г", 520),
    good("кимун", 610),
    good("цейлон «Ува»", 430),
    good("коробка для офиса", 2_950),
];
const HERBAL: [Good; 4] = [
    good("сбор «Тихий час»", 480),
    good("иван-чай", 340),
    good("чабрец с облепихой", 390),
    good("ягодный сбор", 410),
];
const GIFT: [Good; 4] = [
    good("набор «Папин» с подстаканником", 3_200),
    good("набор «Знакомство»", 1_750),
    good("набор «Чайный дом»", 5_500),
    good("жасминовая жемчужина в банке", 640),
];
const WARE: [Good; 4] = [
    good("исинский чайник 140 мл", 3_900),
    good("гайвань фарфоровая", 1_250),
    good("типот 500 мл", 850),
    good("калебас с бомбильей", 2_150),
];

const GABA: [Good; 2] = [good("габа-улун", 560), good("габа алишань", 820)];
const MATCHA: [Good; 2] = [good("набор для матчи с венчиком", 2_300), good("набор «Первая матча»", 1_690)];
const OFFICE: [Good; 2] = [good("коробку «Офис на месяц»", 2_950), good("коробку «Офис мини»", 1_850)];
const SLEEP: [Good; 2] = [good("«Тихий час»", 480), good("«Колыбельная»", 520)];
const TEAPOT: [Good; 2] = [good("исинский чайник 140 мл", 3_900), good("исинский чайник 170 мл", 4_400)];

/// The goods of a shelf; empty for a shelf that does not exist.
pub(super) fn shelf(name: &str) -> &'static [Good] {
    match name {
        "puer" => &PUER,
        "oolong" => &OOLONG,
        "green" => &GREEN,
        "black" => &BLACK,
        "herbal" => &HERBAL,
        "gift" => &GIFT,
        "ware" => &WARE,
        "gaba" => &GABA,
        "matcha" => &MATCHA,
        "office" => &OFFICE,
        "sleep" => &SLEEP,
        "teapot" => &TEAPOT,
        _ => &[],
    }
}

/// What somebody is going to buy.
#[derive(Debug, Clone)]
pub(super) struct Basket {
    pub good: Good,
    pub quantity: i64,
    /// Roubles; 0 for a pick-up or a big order.
    pub delivery: i64,
}

impl Basket {
    /// A number of some good of the shelf, delivered free of charge from 3,000 roubles.
    pub fn fill(rng: &mut ChaCha8Rng, shelf_name: &str, quantity: i64) -> Self {
        let good = *pick(rng, shelf(shelf_name)).unwrap_or(&OOLONG[0]);
        let delivery = match good.price * quantity {
            3_000.. => 0,
            _ => *pick(rng, &[240, 290, 350]).unwrap_or(&290),
        };
        Self { good, quantity, delivery }
    }

    /// Roubles to pay.
    pub fn total(&self) -> i64 {
        self.good.price * self.quantity + self.delivery
    }
}
