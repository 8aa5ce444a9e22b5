"""GraphQL documents for requests that numerapi does not make separately.

Each field occurs in a document of numerapi 3.1.1, so the real server knows it.
"""

FILE_URL = """
query($filename: String!, $round: Int, $tournament: Int) {
  dataset(filename: $filename, round: $round, tournament: $tournament)
}
"""

# Number 0 selects the current round.
ROUND = """
query($tournament: Int!, $number: Int) {
  rounds(tournament: $tournament, number: $number) {
    number
    openTime
    closeTime
    closeStakingTime
    resolveTime
  }
}
"""

UPLOAD_SLOT = """
query($filename: String!, $tournament: Int!, $modelId: String) {
  submission_upload_auth(
    filename: $filename, tournament: $tournament, modelId: $modelId
  ) {
    filename
    url
  }
}
"""

CREATE_SUBMISSION = """
mutation(
  $filename: String!, $tournament: Int!, $modelId: String, $triggerId: String
) {
  create_submission(
    filename: $filename
    tournament: $tournament
    modelId: $modelId
    triggerId: $triggerId
    source: "numerapi"
  ) {
    id
  }
}
"""

# One list has the ids, the other the rounds.
SUBMISSIONS = """
query($modelId: String) {
  submissions(modelId: $modelId) {
    id
    filename
    insertedAt
  }
  model(modelId: $modelId) {
    submissions {
      filename
      selected
      round {
        number
      }
    }
  }
}
"""
