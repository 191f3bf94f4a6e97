# %% [markdown]
# # 11 · Reading
#
# *35 minutes. You need [lesson 5](05_logistic_regression.ipynb); for the last part [lesson 10](10_remembering.ipynb).*
#
# ## The question
#
# A customer writes: *Where is my parcel?* You know at once what is wanted, and that the customer is calm. A neuron knows only numbers:
# it multiplies them and adds them up.
#
# **How can a text be numbers?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.data.text import CountVectorizer, NGrams, TfidfVectorizer, Vocabulary
from tinymm.data.text import clean_text, pad_sequences, words
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# Cut the text into words. Give every word a column of its own. Then a text is a row of counts: how often does it have each word?

# %%
texts = [
    "Where is my parcel?",
    "My parcel is broken!",
    "Where is the card, where?",
    "Please send my card.",
]
documents = [words(clean_text(text), punctuation=False) for text in texts]
known = []  # the words, in the order in which they first come
for document in documents:
    for word in document:
        if word not in known:
            known.append(word)
X = np.array([[document.count(word) for word in known] for document in documents])

plt.figure(figsize=(7, 2.6))
plt.imshow(X, cmap="Blues", vmax=3)
for n, j in np.argwhere(X):
    plt.text(j, n, X[n, j], ha="center", va="center")
plt.xticks(range(len(known)), known, rotation=45)
plt.yticks(range(len(texts)), texts)
plt.title("a text is a row of counts");

# %% [markdown]
# `clean_text` makes the letters small and the spaces single. `words` cuts; here the `?` and `!` are left out. This is called a **bag
# of words**: as if the words were shaken in a bag, for their order is lost.
#
# ## The formula
#
# With a row of numbers we know what to do: it is the logistic regression of lesson 5, with words for pixels.
#
# $$p = \mathrm{softmax}(W x + b)$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $V$ | the number of known words: the **vocabulary** | `len(known)` |
# | $x_j$ | how often the text has word $j$ | `x`, shape `(V,)`; many texts: `X`, shape `(N, V)` |
# | $W$ | one row for each class: does a word speak for it, or against it? | `W`, shape `(K, V)` |
# | $b$ | one bias for each class | `b`, shape `(K,)` |
# | $p$ | one probability for each class | `p`, shape `(K,)` |
#
# ## The formula in ten lines


# %%
def count_by_hand(document, known):
    x = np.zeros(len(known))
    for word in document:
        if word in known:  # a word that is not known has no column
            x[known.index(word)] += 1
    return x


x = count_by_hand(words("where where is it"), known)
W, b = np.zeros((2, len(known))), np.zeros(2)
W[0, known.index("where")] = 1.0  # "where" asks, "broken" complains
W[1, known.index("broken")] = 2.0
for text in ("where is my parcel", "where is the broken card"):
    p = tm.formulas.softmax(W @ count_by_hand(words(text), known) + b)
    print(f"{text:26}", " asks:", p[0].round(2), " complains:", p[1].round(2))

# %% [markdown]
# ## Check it
#
# Two things must hold. The counts of a text add up to its number of words, if all of them are known. And shaking the bag changes nothing:

# %%
print("words:", len(documents[2]), " sum of the counts:", count_by_hand(documents[2], known).sum())
shaken = list(reversed(documents[2]))
same = np.array_equal(count_by_hand(documents[2], known), count_by_hand(shaken, known))
print(" ".join(shaken), "→ the same row:", same)

# %% [markdown]
# ## The package's version is the same number
#
# `CountVectorizer` learns the vocabulary (`fit`) and counts (`transform`). Most counts are 0, so it keeps only the others; `toarray` shows
# all. Its columns are in another order, so we put ours into that order.

# %%
vectorizer = CountVectorizer()
counts = vectorizer.fit_transform(texts).toarray()
ours = X[:, [known.index(term) for term in vectorizer.terms]]
print(vectorizer.terms)
print("the same:", np.array_equal(counts, ours))

# %% [markdown]
# ### Rare words say more
#
# "My" and "is" are everywhere. They say little. So count a word less, the more texts have it:
#
# $$\mathrm{idf}_j = \ln \frac{1 + N}{1 + \mathrm{df}_j} + 1$$
#
# $N$ is the number of texts, and $\mathrm{df}_j$ says how many of them have word $j$ (*document frequency*; idf is its *inverse*).
# The counts times idf are called **TF-IDF**. You will write it in exercise 11.3.

# %%
requests = tm.datasets.load_desk_requests("en")
vectorizer = TfidfVectorizer().fit(list(requests.texts))
idf = dict(zip(vectorizer.terms, vectorizer.tfidf.idf, strict=True))
for word in ("the", "my", "order", "parcel", "kettle"):
    print(f"{word:7} idf {idf[word]:.2f}")

# %% [markdown]
# ## On real data
#
# 1,262 requests to a customer desk, written in English. Each has an **intent** (what is wanted, one of 15) and a **sentiment** (the mood:
# negative, neutral or positive):

# %%
for i in (0, 140, 420, 952):
    intent, mood = requests.intents[i], requests.sentiments[i]
    names = f"{requests.intent_names[intent]:18} {requests.sentiment_names[mood]:9}"
    print(names, requests.texts[i])

# %% [markdown]
# A quarter is put aside for the test. Only the training texts may say which words are known. And now we keep the `!` and `?`: a `!` tells
# something about the mood.
#
# `weight_decay` (the weights shrink a little at each step) keeps the model from learning rare words by heart: a word that came once in training must not
# decide alone.

# %%
train, test = tm.validation.train_test_split(
    np.arange(len(requests)), stratify=requests.intents, random_state=0
)


def learn_words(vectorizer, y, classes):
    X_train = vectorizer.fit_transform(list(requests.texts[train]))
    X_test = vectorizer.transform(list(requests.texts[test]))
    tm.manual_seed(0)
    model = tm.models.BagOfTerms(X_train.shape[1], classes)  # logistic regression on counts
    optimizer = tm.optim.Adam(model.parameters(), lr=0.05, weight_decay=0.001)
    for _ in range(60):
        optimizer.zero_grad()
        tm.functional.cross_entropy(model(X_train), y[train]).backward()
        optimizer.step()
    said = model(X_test).numpy().argmax(axis=1)
    return model, tm.metrics.accuracy_score(y[test], said)


counts = CountVectorizer(NGrams(punctuation=True))
intent_model, right = learn_words(counts, requests.intents, 15)
print(f"{len(counts.terms)} words; intent: {right:.1%} of {len(test)} new requests right")
mood_model, right = learn_words(counts, requests.sentiments, 3)
print(f"sentiment: {right:.1%} right")

# %% [markdown]
# Who always says "neutral" has two thirds of the moods right, and who guesses the intent has one in 15. So this is a lot for a bag. Does it help to let rare
# words count more?

# %%
tfidf = TfidfVectorizer(NGrams(punctuation=True))
_, right = learn_words(tfidf, requests.intents, 15)
print(f"intent with TF-IDF: {right:.1%} right")

# %% [markdown]
# Hardly, here: these texts are short, and nearly every word occurs once. In long texts, where "the" comes a hundred times, it helps more. Measure
# it, do not believe it.
#
# And we can look inside the model. These words have the largest weights for each mood:

# %%
tm.plots.heaviest_terms(mood_model.weight.numpy(), counts.terms, requests.sentiment_names);
# %% [markdown]
# And for some of the intents:

# %%
some = [requests.intent_names.index(name) for name in ("delivery", "card", "refund")]
names = [requests.intent_names[k] for k in some]
tm.plots.heaviest_terms(intent_model.weight.numpy()[some], counts.terms, names);
# %% [markdown]
# ## Words with neighbours: embeddings
#
# For the bag, "parcel" and "package" are as different as "parcel" and "thanks": each is just a column. Better: give each word a **point**, a
# row of $D$ numbers that are learned like weights. Words that do the same work move close together. The table of all points is the
# **embedding** $E$, of shape $(V, D)$, and a word is looked up by its number:
#
# `E[numbers]`: numbers $(N, T)$ become points $(N, T, D)$.
#
# The numbers of the words: 0 is **padding**, which fills short texts up so that all rows have $T$ columns, and 1 is any **unknown** word.

# %%
documents = [words(clean_text(text)) for text in requests.texts]
vocabulary = Vocabulary().fit([documents[i] for i in train])
numbers, lengths = pad_sequences([vocabulary.encode(document) for document in documents])
print(requests.texts[0], "→", vocabulary.encode(documents[0]))
print("all requests:", numbers.shape, "  the first:", numbers[0])

E = np.random.default_rng(0).normal(size=(len(vocabulary), 2))
layer = tm.nn.Embedding(len(vocabulary), 2)
layer.weight.data[:] = E
print("the same:", np.allclose(layer(numbers[:5]).numpy(), E[numbers[:5]]))

# %% [markdown]
# Now the smallest model of this kind. Each word is a point in the plane, $D = 2$. A text is the mean of its words' points, and a logistic
# regression on this mean says the mood. The points are learned together with it:


# %%
class MeanOfPoints(tm.nn.Module):
    def __init__(self):
        self.embedding = tm.nn.Embedding(len(vocabulary), 2, padding_idx=0)  # padding stays at 0
        self.embedding.weight.data *= 0.1
        self.classifier = tm.nn.Linear(2, 3)

    def forward(self, numbers, lengths):
        total = self.embedding(numbers).sum(axis=1)
        return self.classifier(total / lengths[:, None].astype(np.float32))


def learn_mood(model, epochs, lr):
    optimizer = tm.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        for (batch,) in tm.data.DataLoader(train, batch_size=32, seed=epoch):
            optimizer.zero_grad()
            scores = model(numbers[batch], lengths[batch])
            tm.functional.cross_entropy(scores, requests.sentiments[batch]).backward()
            optimizer.step()
    model.eval()
    with tm.no_grad():
        said = model(numbers[test], lengths[test]).numpy().argmax(axis=1)
    return tm.metrics.accuracy_score(requests.sentiments[test], said)


tm.manual_seed(0)
model = MeanOfPoints()
print(f"mood from points in a plane: {learn_mood(model, epochs=15, lr=0.02):.1%} right")

# %%
E = model.embedding.weight.numpy()
happy = ["thanks", "great", "love", "perfect", "helpful"]
unhappy = ["angry", "terrible", "waiting", "rude", "broken"]
shown = [*happy, *unhappy, "card", "parcel", "address"]
plt.figure(figsize=(6.5, 4.5))
plt.plot(E[2:, 0], E[2:, 1], ".", color="#c0c0c0", markersize=4)
for word in shown:
    point = E[vocabulary.encode([word])[0]]
    plt.plot(*point, "o", color="#0072B2", markersize=4)
    plt.annotate(word, point, xytext=(4, 3), textcoords="offset points")
plt.title("every word is a point: where it ended up");

# %% [markdown]
# Nobody told the model what "terrible" means. It has put the words of one mood into one direction, because that made the loss small.
# (A few have gone astray: it has seen only some hundred angry and happy requests.)
#
# ## Reading in order
#
# "Not good, it is bad" and "not bad, it is good" are the same bag. An LSTM (lesson 10) reads one point after the other and keeps the order:


# %%
class Reader(tm.nn.Module):
    def __init__(self):
        self.embedding = tm.nn.Embedding(len(vocabulary), 32, padding_idx=0)
        self.dropout = tm.nn.Dropout(0.4)  # hides 40 % in training: no learning by heart
        self.lstm = tm.nn.LSTM(32, 32, bidirectional=True)  # one reads forwards, one backwards
        self.classifier = tm.nn.Linear(64, 3)

    def forward(self, numbers, lengths):
        points = self.dropout(self.embedding(numbers))
        _, (h, _) = self.lstm(points, lengths=lengths)  # the state after the last real word
        return self.classifier(self.dropout(h))


tm.manual_seed(0)
model = Reader()
print(f"mood, read in order: {learn_mood(model, epochs=12, lr=0.005):.1%} right")

# %% [markdown]
# No better than the bag of words: in such short requests the single words say nearly everything, and there are few to learn from. Order pays
# in longer texts, and when there is more to read.
#
# ## Exercises
#
# ### 11.1 A vocabulary
#
# Which words are there? The most frequent ones come first, so that one can stop anywhere.

# %%
# exercise 11.1

# %% [markdown]
# ### 11.2 From words to numbers
#
# 0 is padding, 1 is unknown. What comes out is a table that every row fits into.

# %%
# exercise 11.2

# %% [markdown]
# ### 11.3 Rare words say more
#
# TF-IDF, for a table of counts.

# %%
# exercise 11.3

# %% [markdown]
# ### 11.4 The mean, without the padding
#
# `MeanOfPoints` adds up and divides. Do it in NumPy, and take care: padding is no word, and here even row 0 of `E` is not zero.

# %%
# exercise 11.4

# %%
progress();

# %% [markdown]
# ## What you now know
#
# - A text is cut into words, and each word has a number; 0 is padding, 1 is unknown.
# - A bag of words counts them. TF-IDF lets rare words count more. Logistic regression on it is simple and strong, and its weights can be read.
# - An embedding gives each word a point. Words that do the same work end up close together.
# - Bags and means forget the order; an LSTM reads in order.
#
# ### What breaks if you forget it
#
# Forget the padding, and a text's answer depends on *other* texts: the longest one in the batch decides how many zeros are filled in.
# Here is the mean of one request's points, in a batch alone, and beside longer and longer requests:

# %%
E = np.random.default_rng(0).normal(size=(len(vocabulary), 2))
request = vocabulary.encode(documents[0])
for longest in (len(request), 15, 30):
    row, (length,) = pad_sequences([request], length=longest)
    wrong = E[row].mean(axis=1)[0]
    right = E[row[:, :length]].mean(axis=1)[0]
    print(f"T = {longest:2}   forgotten: {wrong.round(2)}   only real words: {right.round(2)}")

# %% [markdown]
# **Next:** sound comes as thousands of numbers a second, and nobody says where a word begins. [Lesson 12](12_hearing.ipynb) listens.
