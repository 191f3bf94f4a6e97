"""What the desk says, in English and Chinese. A shop of its own would change the sentences here, or pass others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """The sentences of one language.

    Attributes:
        about: for each intent, how the desk names it when it asks: "your delivery".
        answers: what is said to an intent at once, for those that need no number.
        ask_number: for the others, the question for the number of an order or a card.
        with_number: what is said when it is known, with {number}.
        sorry, glad: said before an answer to someone angry or pleased.
        The others are said as their names tell; {about} and {number} are filled in.
    """

    about: dict[str, str]
    answers: dict[str, str]
    ask_number: dict[str, str]
    with_number: dict[str, str]
    sorry: str
    glad: str
    number_alone: str
    confirm_number: str
    number_again: str
    ask_again: str
    confirm_intent: str
    other_words: str
    hand_over: str
    handed_over: str
    offer_person: str
    nothing_heard: str


ENGLISH = Phrases(
    about={
        "cancel_order": "cancelling an order",
        "card": "your card",
        "change_address": "a change of address",
        "delivery": "a delivery",
        "goodbye": "saying goodbye",
        "greeting": "saying hello",
        "invoice": "an invoice",
        "opening_hours": "our opening hours",
        "order_number": "the number of an order",
        "other": "something else",
        "password": "your password",
        "person": "talking to a person",
        "refund": "a refund",
        "technical_problem": "a technical problem",
        "thanks": "a thank-you",
    },
    answers={
        "goodbye": "Goodbye, and have a good day.",
        "greeting": "Hello! What can I do for you?",
        "opening_hours": "We are open Monday to Saturday from 9 am to 6 pm. You can order online at any time.",
        "other": "I can help with orders, deliveries, refunds, invoices, cards, addresses, passwords and opening hours, "
        "or pass you on to a person. Which is it?",
        "password": "On the sign-in page, choose “Forgotten password?”: a link to set a new one comes by e-mail.",
        "technical_problem": "Please close everything, start it again and try once more. If that does not help, tell me "
        "that you want to talk to a person.",
        "thanks": "You are welcome. Is there anything else?",
    },
    ask_number={
        "cancel_order": "I can have an order cancelled. What is its number?",
        "card": "I can have your card looked at. What are its last four digits?",
        "change_address": "I can have the address changed. What is the number of your order?",
        "delivery": "I can have your delivery looked up. What is the number of your order?",
        "invoice": "I can have an invoice sent to you. What is the number of your order?",
        "refund": "I can have a refund started. What is the number of your order?",
    },
    with_number={
        "cancel_order": "I have noted that order {number} is to be cancelled; you will get a message.",
        "card": "I have passed on your card that ends in {number}: it will be looked at right away.",
        "change_address": "I have noted a new address for order {number}: please write it to us in the message you will get.",
        "delivery": "I have asked where order {number} is; you will get a message.",
        "invoice": "The invoice for order {number} will be sent to you.",
        "refund": "I have noted a refund for order {number}; you will get a message.",
    },
    sorry="I am sorry about this trouble. ",
    glad="I am glad to hear that. ",
    number_alone="I have the number {number}. What shall I do about it?",
    confirm_number="I read {number}. Is that right?",
    number_again="I need the number: please type its digits, say them one by one, or show a picture of them.",
    ask_again="I am not sure that I understood. Could you put it in other words?",
    confirm_intent="I am not sure that I understood. Is it about {about}? Say yes, or put it in other words.",
    other_words="Then please tell me in other words what it is about.",
    hand_over="I am passing you on to a person, who gets all that was said so far.",
    handed_over="I have added that for the person who takes over.",
    offer_person=" If you would rather talk to a person, just say so.",
    nothing_heard="I heard nothing that I understood. Please say it once more in a few words, in English, or type.",
)

CHINESE = Phrases(
    about={
        "cancel_order": "取消订单",
        "card": "您的卡",
        "change_address": "修改地址",
        "delivery": "物流配送",
        "goodbye": "告别",
        "greeting": "打招呼",
        "invoice": "发票",
        "opening_hours": "营业时间",
        "order_number": "订单号",
        "other": "其他事情",
        "password": "密码",
        "person": "转人工",
        "refund": "退款",
        "technical_problem": "技术问题",
        "thanks": "感谢",
    },
    answers={
        "goodbye": "再见，祝您愉快。",
        "greeting": "您好！请问有什么可以帮您？",
        "opening_hours": "我们周一至周六上午九点到下午六点营业，网上随时可以下单。",
        "other": "我可以帮您处理订单、配送、退款、发票、银行卡、地址、密码和营业时间，也可以转人工。请问是哪一项？",
        "password": "请在登录页面点“忘记密码”，重设密码的链接会发到您的邮箱。",
        "technical_problem": "请先全部关闭，重新启动后再试一次。如果还不行，请告诉我您要转人工。",
        "thanks": "不客气。还有什么可以帮您？",
    },
    ask_number={
        "cancel_order": "可以为您取消订单。请问订单号是多少？",
        "card": "可以为您查看这张卡。请问卡号的最后四位是多少？",
        "change_address": "可以为您修改地址。请问订单号是多少？",
        "delivery": "可以为您查询物流。请问订单号是多少？",
        "invoice": "可以把发票发给您。请问订单号是多少？",
        "refund": "可以为您申请退款。请问订单号是多少？",
    },
    with_number={
        "cancel_order": "已记录取消订单 {number}，稍后会有消息通知您。",
        "card": "已转交尾号为 {number} 的卡，马上为您查看。",
        "change_address": "已记录订单 {number} 需要修改地址，请在稍后收到的消息里回复新地址。",
        "delivery": "已为您查询订单 {number} 的物流，稍后会有消息通知您。",
        "invoice": "订单 {number} 的发票会发给您。",
        "refund": "已记录订单 {number} 的退款申请，稍后会有消息通知您。",
    },
    sorry="给您带来麻烦，非常抱歉。",
    glad="很高兴听到这个。",
    number_alone="收到号码 {number}。请问需要办理什么？",
    confirm_number="我读到的是 {number}，对吗？",
    number_again="我需要这个号码：请输入数字，或者上传一张手写数字的图片。",
    ask_again="抱歉，我没有完全明白。您能换个说法吗？",
    confirm_intent="抱歉，我没有完全明白。请问是关于{about}吗？请回答“是”，或者换个说法。",
    other_words="那么请换个说法，告诉我是关于什么的。",
    hand_over="正在为您转接人工，之前的内容都会一并转交。",
    handed_over="已补充给接手的人工客服。",
    offer_person="如果您想转人工，告诉我就行。",
    nothing_heard="没有听清。请用英语简短地再说一遍，或者打字。",
)

PHRASES = {"en": ENGLISH, "zh": CHINESE}
